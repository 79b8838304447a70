import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type LogWanted, listedLog, readLogList } from "../../../../cmd/options/log-list.ts";
import { type ListedLog, type LogList, UsageError } from "../../../../lib/index.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { listEntry, listFile, listText } from "../../../support/logs/log-list.ts";
import { temporaryDirectory } from "../../../support/places/directory.ts";

function tiled(shard: string, publicKey = `key of ${shard}`): ListedLog {
  return { origin: `log.test/${shard}`, publicKey, monitoringUrl: `https://mon.test/${shard}/` };
}

const archived: ListedLog = { origin: "ct.test/2019", publicKey: "old", monitoringUrl: undefined };
const listOf = (...logs: ListedLog[]): LogList => ({ kind: "list", logs });
const list = listOf(tiled("2026h1"), tiled("2026h2"), tiled("2027h1"), tiled("2027h2"), archived);

const found = (wanted: LogWanted, from = list) => listedLog(from, wanted, "--log-list list.json");

describe("the log of a list that is meant", () => {
  test.each([
    "https://mon.test/2026h2/",
    "https://mon.test/2026h2",
    "https://mon.test/2026h2///",
    "HTTPS://MON.test:443/2026h2/",
    "https://me:secret@mon.test/2026h2?token=1",
  ])("is the one that is read at %s", (source) => {
    expect(found({ source })).toEqual(tiled("2026h2"));
  });

  test.each([
    "http://mon.test/2026h2/",
    "https://mon.test:8443/2026h2/",
    "https://mon.test/2026H2/",
    "https://mon.test/2026h2/x/",
    "https://mon.test/",
    "https://log.test/2026h2/",
  ])("is not the one that is read elsewhere than at %s", (source) => {
    expect(() => found({ source })).toThrow(UsageError);
  });

  test.each([
    ["/srv/copy", "log.test/2027h1", tiled("2027h1")],
    ["/srv/copy", "https://log.test/2027h1/", tiled("2027h1")],
    ["https://mon.test/2026h1/", "log.test/2027h1", tiled("2027h1")],
    ["https://mon.test/2026h1/", "https://log.test/2027h1/", tiled("2027h1")],
    ["/srv/archive", "https://ct.test/2019/", archived],
  ])("is, where %s is read, the one of the origin %s", (source, origin, log) => {
    expect(found({ source, origin })).toEqual(log);
  });

  test("may be listed for each of its APIs", () => {
    const both = listOf({ ...tiled("1"), monitoringUrl: undefined }, tiled("1"));
    expect(found({ source: "x", origin: "log.test/1" }, both)).toEqual(tiled("1"));
  });

  test("is refused where there is none, with what was looked for and how to look it up", () => {
    expect(() => found({ source: "https://MON.test/2027h3" })).toThrow(
      /^--log-list list\.json: has no log with the monitoring_url https:\/\/mon\.test\/2027h3\/ \(found 5 other logs\)\. Pass the log's --origin/,
    );
    expect(() => found({ source: "x", origin: "ct.test/2018" })).toThrow(
      /no log with the origin ct\.test\/2018 \(found 5 other logs\)\. .*--public-key/,
    );
    expect(() => found({ source: "https://x/" }, listOf())).toThrow("(found 0 other logs)");
  });

  test("is not known from a source that is not a URL", () => {
    expect(() => found({ source: "/srv/copy" })).toThrow(/which of its logs is at \/srv\/copy\. .*--origin/);
  });

  test("never shows the credentials of a source", () => {
    expect(() => found({ source: "https://me:secret@x.test/?token=secret" })).toThrow(/^((?!secret).)*$/);
  });

  test("is not chosen among several keys", () => {
    const twice = listOf(tiled("1", "A"), tiled("1", "B"));
    for (const wanted of [{ source: "https://mon.test/1/" }, { source: "x", origin: "log.test/1" }]) {
      expect(() => found(wanted, twice)).toThrow(UsageError);
      expect(() => found(wanted, twice)).toThrow(/2 logs .* with the key A, .* with the key B/);
    }
  });

  test("is that of a log.v3.json, wherever the copy is, unless --origin says another", () => {
    const single: LogList = { kind: "log", log: tiled("2026h1") };
    const [source, origin] = ["https://mirror.test/", "https://log.test/2026h1"];
    expect(found({ source: "/srv/copy" }, single)).toEqual(single.log);
    expect(found({ source, origin }, single)).toEqual(single.log);
    expect(() => found({ source: "/srv/copy", origin: "log.test/2026h2" }, single)).toThrow(
      "--log-list list.json: is about another log than --origin (expected origin log.test/2026h2, found log.test/2026h1)",
    );
  });
});

const MODULE = join(import.meta.dirname, "../../../../cmd/options/log-list.ts");
const { publicKey = "" } = testLog({ size: 1, format: "static-ct" });
const entryText = (fields: object) => JSON.stringify(listEntry(publicKey, { ...fields }));

describe("the file of a log list", () => {
  test("is read to its end", () => {
    const urls = Array.from({ length: 2_000 }, (_, shard) => `https://log.test/${shard}/`);
    const logs = urls.map((url) => listEntry(publicKey, { url }));
    expect(readLogList(listFile(listText({ logs })))).toHaveProperty("logs.length", 2_000);
  });

  test("may be a pipe", () => {
    const list = listFile(entryText({ url: "https://log.test/1/", padding: "x".repeat(300_000) }));
    const program = `
      import { readLogList } from ${JSON.stringify(MODULE)};
      console.log(readLogList("/dev/stdin").log.origin);`;
    const command = 'cat "$1" | "$0" --input-type=module --eval "$2"';
    const { stdout } = spawnSync("sh", ["-c", command, process.execPath, list, program]);
    expect(stdout.toString()).toBe("log.test/1\n");
  });

  const { log_id } = listEntry(publicKey, {});
  test.each<[path: () => string, words: string]>([
    [() => "/nowhere/list.json", "cannot be read (no such file or directory)"],
    [temporaryDirectory, "cannot be read (illegal operation on a directory)"],
    [() => listFile("<html>\n"), "is not a log list: it is not JSON"],
    [
      () => listFile(entryText({ url: "https://x/", log_id: "A\nB" })),
      `the log has a log_id that is not the SHA-256 of its key (expected ${log_id}, found A B)`,
    ],
  ])("is refused in one line if it cannot be read or is not a list: %s", (file, words) => {
    const path = file();
    expect(() => readLogList(path)).toThrow(UsageError);
    expect(() => readLogList(path)).toThrow(`--log-list ${path}: ${words}`);
  });
});
