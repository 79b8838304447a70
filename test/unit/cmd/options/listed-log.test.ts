import { describe, expect, test } from "vitest";
import { type LogWanted, listedLog } from "../../../../cmd/options/listed-log.ts";
import { type ListedLog, type LogList, UsageError } from "../../../../lib/index.ts";

const NAME = "--log-list list.json";

function tiled(shard: string, publicKey = `key of ${shard}`): ListedLog {
  return { origin: `log.test/${shard}`, publicKey, monitoringUrl: `https://mon.test/${shard}/` };
}

const archived: ListedLog = { origin: "ct.test/2019", publicKey: "old", monitoringUrl: undefined };

const list: LogList = {
  kind: "list",
  logs: [tiled("2026h1"), tiled("2026h2"), tiled("2027h1"), tiled("2027h2"), archived],
};

const found = (wanted: LogWanted, from: LogList = list) => listedLog(from, wanted, NAME);

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

  test("is the one of the origin that is given, wherever the copy lies", () => {
    for (const origin of ["log.test/2027h1", "https://log.test/2027h1/"]) {
      expect(found({ source: "/srv/copy", origin })).toEqual(tiled("2027h1"));
      expect(found({ source: "https://mon.test/2026h1/", origin })).toEqual(tiled("2027h1"));
    }
    expect(found({ source: "/srv/archive", origin: "https://ct.test/2019/" })).toEqual(archived);
  });

  test("may be listed for each of its APIs", () => {
    const both: LogList = { kind: "list", logs: [{ ...tiled("1"), monitoringUrl: undefined }, tiled("1")] };
    expect(found({ source: "x", origin: "log.test/1" }, both)).toEqual(tiled("1"));
  });

  test("is told with the likest ones where there is none", () => {
    expect(() => found({ source: "https://MON.test/2027h3" })).toThrow(
      /^--log-list list\.json: has no log with the monitoring_url https:\/\/mon\.test\/2027h3\/ \(found https:\/\/mon\.test\/2027h[12]\/, https:\/\/mon\.test\/2027h[12]\/, https:\/\/mon\.test\/2026h\d\/, 1 more\)\. Pass the log's --origin/,
    );
    expect(() => found({ source: "x", origin: "ct.test/2018" })).toThrow(
      /no log with the origin ct\.test\/2018 \(found ct\.test\/2019, .*2 more\)/,
    );
    expect(() => found({ source: "https://x/" }, { kind: "list", logs: [] })).toThrow("(found none)");
  });

  test("cannot be told by a source that is no URL", () => {
    expect(() => found({ source: "/srv/copy" })).toThrow(/which of its logs is at \/srv\/copy\. .*--origin/);
  });

  test("never shows the credentials of a source", () => {
    expect(() => found({ source: "https://me:secret@x.test/?token=secret" })).toThrow(/^((?!secret).)*$/);
  });

  test("is not chosen among several keys", () => {
    const twice: LogList = { kind: "list", logs: [tiled("1", "A"), tiled("1", "B")] };
    for (const wanted of [{ source: "https://mon.test/1/" }, { source: "x", origin: "log.test/1" }]) {
      expect(() => found(wanted, twice)).toThrow(UsageError);
      expect(() => found(wanted, twice)).toThrow(/2 logs .* with the key A, .* with the key B/);
    }
  });
});

describe("the log of a log.v3.json", () => {
  const single: LogList = { kind: "log", log: tiled("2026h1") };

  test("is meant wherever the copy lies", () => {
    expect(found({ source: "/srv/copy" }, single)).toEqual(single.log);
    expect(found({ source: "https://mirror.test/", origin: "https://log.test/2026h1" }, single)).toEqual(
      single.log,
    );
  });

  test("is not another one than --origin says", () => {
    expect(() => found({ source: "/srv/copy", origin: "log.test/2026h2" }, single)).toThrow(
      "--log-list list.json: tells of another log than --origin (expected origin log.test/2026h2, found log.test/2026h1)",
    );
  });
});
