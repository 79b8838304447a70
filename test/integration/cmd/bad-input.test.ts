import { existsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type CliResult, runCli } from "../../support/cli.ts";
import { runHere } from "../../support/cli-here.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { closedPlace } from "../../support/http/servers.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";

const log = testLog({ size: 300 });

/** One line on standard error, nothing on standard output. */
function expectOneLine(result: Omit<CliResult, "signal">, code: number, words: RegExp): void {
  expect(result.stdout).toBe("");
  expect(result.stderr).toMatch(/^tlog-migrate: [^\n]+\n$/);
  expect(result.stderr).toMatch(words);
  expect(result.stderr).not.toMatch(/internal error| at file:/);
  expect(result.code).toBe(code);
}

function newTarget(): string {
  return join(temporaryDirectory(), "log");
}

/** A copy of a log with another checkpoint, by default of the log itself with the right key. */
async function copyWith(
  checkpoint: Uint8Array | string | undefined,
  trust: readonly string[] = ["--vkey", log.vkey],
  target = newTarget(),
): Promise<Omit<CliResult, "signal">> {
  const objects = new Map(log.objects);
  if (checkpoint === undefined) objects.delete("checkpoint");
  else objects.set("checkpoint", Buffer.from(checkpoint));
  const server = await startLogServer(objects);
  return await runHere(["copy", server.url, target, "--quiet", ...trust]);
}

const checkpoint = log.object("checkpoint");
const noteOf = (other: TestLog): Buffer => other.object("checkpoint");

describe("a wrong command line is told in one line, with exit code 2", () => {
  const trust = ["--vkey", log.vkey];
  const cases: [what: string, args: string[], words: RegExp][] = [
    ["no target", ["copy", "http://127.0.0.1/"], /missing required argument 'target'/],
    ["too much", ["copy", "a", "b", "c", ...trust], /too many arguments/],
    ["an unknown command", ["cpoy", "a", "b"], /unknown command 'cpoy' \(Did you mean copy\?\)/],
    ["help for an unknown command", ["help", "cpoy"], /unknown command 'cpoy' \(Did you mean copy\?\)/],
    [
      "an unknown option",
      ["copy", "a", "b", "--vkye", "x"],
      /unknown option '--vkye' \(Did you mean --vkey\?\)/,
    ],
    ["an option without its value", ["copy", "a", "b", "--vkey"], /argument missing/],
    ["another format", ["copy", "a", "b", "--format", "ct"], /Allowed choices are tiles, static-ct/],
    ["no worker", ["copy", "a", "b", "--workers", "0"], /whole number from 1/],
    ["half a request", ["copy", "a", "b", "--rate", "0.5"], /whole number from 1/],
    ["a host alone", ["copy", "a", "b", "--http", "localhost"], /<host>:<port>/],
    ["a port that is none", ["copy", "a", "b", "--http", ":65536"], /<host>:<port>/],
    ["no key", ["copy", "http://127.0.0.1/", "x"], /Pass --vkey .*--insecure-no-signature/],
    ["a key that is none", ["copy", "http://127.0.0.1/", "x", "--vkey", "key"], /--vkey: is not a vkey/],
    [
      "a key and no signature",
      ["copy", "http://127.0.0.1/", "x", ...trust, "--insecure-no-signature"],
      /--insecure-no-signature: contradicts/,
    ],
    ["a source that is not a URL", ["copy", "http://", "x", ...trust], /http:\/\/: is not a URL/],
    ["a source of another kind", ["copy", "ftp://log.example/", "x", ...trust], /kind ftp.*https:/],
    [
      "a target on another machine",
      ["copy", "http://127.0.0.1/", "ops@store.example:/srv/log", ...trust],
      /^tlog-migrate: ops@store\.example:\/srv\/log: names a path on another machine, ops@store\.example, which cannot be a target\. Mount it/,
    ],
    [
      "a target on another machine, without a user",
      ["copy", "http://127.0.0.1/", "store:log", ...trust],
      /on another machine, store,.* \.\/store:log/,
    ],
    [
      "a target that rsync would take",
      ["copy", "http://127.0.0.1/", "store::module/log", ...trust],
      /on another machine, store,/,
    ],
    [
      "a source on another machine",
      ["copy", "[2001:db8::1]:/srv/log", "x", ...trust],
      /on another machine.*source.*Mount it.*name the https:\/\/ address/,
    ],
    [
      "a log on another machine",
      ["verify", "log.example:/srv/log", ...trust],
      /on another machine, log\.example, which cannot be a log/,
    ],
    ["a URL of another machine's files", ["copy", "a", "sftp://x/y", ...trust], /kind sftp.*Mount it/],
    ["a target of another kind", ["copy", "http://127.0.0.1/", "ftp://x/", ...trust], /kind ftp.*file:/],
    [
      "no contact for a public Static CT log",
      ["copy", "https://ct.invalid/2026h1/", "x", "--format", "static-ct", ...trust],
      /--contact: is missing, .*Pass --contact with your e-mail address/,
    ],
    [
      "an example as the contact for one that is verified",
      ["verify", "https://ct.invalid/", "--format", "static-ct", ...trust, "--contact", "me@example.com"],
      /--contact <address>.*me@example\.com.* example address/,
    ],
    [
      "a contact that no header can hold",
      ["copy", "http://127.0.0.1/", "x", ...trust, "--contact", "a b"],
      /--contact <address>.*e-mail/,
    ],
  ];
  test.each(cases)("%s", async (_, args, words) => {
    expectOneLine(await runHere(args, temporaryDirectory()), 2, words);
  });

  test("nothing at all shows the help on standard error", async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Usage: tlog-migrate /);
  });
});

describe("a source that cannot be read is told in one line, with exit code 1", () => {
  test("no such host", async () => {
    // Without retries: a machine without name servers cannot know that there is none.
    const args = ["copy", "http://nosuchhost.invalid/", newTarget(), "--vkey", log.vkey, "--retries", "0"];
    expectOneLine(await runHere(args), 1, /nosuchhost\.invalid/);
  });

  test("nobody listens", async () => {
    const url = `http://${await closedPlace()}/`;
    const result = await runCli(["copy", url, newTarget(), "--vkey", log.vkey]);
    expectOneLine(result, 1, /127\.0\.0\.1:\d+ refused the connection/);
  });

  test("no such directory", async () => {
    const result = await runHere(["copy", "/nowhere/at/all", newTarget(), "--vkey", log.vkey]);
    expectOneLine(result, 2, /\/nowhere\/at\/all: does not exist/);
  });
});

describe("an address where there is no log is told in one line, with exit code 2, and nothing is written", () => {
  const page = "\n<!DOCTYPE html>\n<title>Not found</title>\n";
  test.each([
    ["no checkpoint", undefined, /\/checkpoint: is missing\. Pass the URL/],
    ["a web page for a checkpoint", page, /\/checkpoint: is a web page, .*Pass the URL/],
  ])("%s", async (_what, note, words) => {
    for (const trust of [["--vkey", log.vkey], ["--insecure-no-signature"]]) {
      const target = newTarget();
      expectOneLine(await copyWith(note, trust, target), 2, words);
      expect(existsSync(target)).toBe(false);
    }
    const objects = new Map(note === undefined ? [] : [["checkpoint", Buffer.from(note)] as const]);
    const { url } = await startLogServer(objects);
    expectOneLine(await runHere(["verify", url, "--vkey", log.vkey, "--quiet"]), 2, words);
  });

  test.each([
    ["log.example.com", "https://log.example.com/"],
    ["mon.example.org/2026h1", "https://mon.example.org/2026h1/"],
    ["log.example.com:8443/", "https://log.example.com:8443/"],
    ["localhost:8080", "https://localhost:8080/"],
    ["192.0.2.1/log", "https://192.0.2.1/log/"],
  ])("%s, which is a host and not a directory", async (place, meant) => {
    const cwd = temporaryDirectory();
    const words = new RegExp(`does not exist\\. Did you mean ${meant} `);
    for (const args of [
      ["verify", place, "--quiet"],
      ["copy", place, newTarget(), "--quiet"],
    ]) {
      expectOneLine(await runHere([...args, "--vkey", log.vkey], cwd), 2, words);
    }
  });

  test.each(["file://", "gzip+file://", "archive+file://", "serverless+file://"])(
    "%s and no directory",
    async (scheme) => {
      const nowhere = join(temporaryDirectory(), "no.log");
      const place = `${scheme}${nowhere}`;
      expectOneLine(await runHere(["verify", place, "--vkey", log.vkey]), 2, /no\.log: does not exist/);
      writeFileSync(nowhere, "");
      expectOneLine(await runHere(["verify", place, "--vkey", log.vkey]), 2, /no\.log: is not a directory/);
    },
  );

  test("a directory that is not a log, or not yet", async () => {
    const target = newTarget();
    const { url } = await startLogServer(log.objects);
    expect((await runHere(["copy", url, target, "--vkey", log.vkey, "--quiet"])).code).toBe(0);
    const verify = (place: string) => runHere(["verify", place, "--vkey", log.vkey, "--quiet"]);
    expectOneLine(await verify(target), 2, /unfinished migration, not a log/);
    expectOneLine(await verify(temporaryDirectory()), 2, /neither a checkpoint nor a tree state/);
  });
});

describe("a source that is not the log is told in one line, with exit code 3, and nothing is written", () => {
  const lines = checkpoint.toString().split("\n");
  const ofSize = (size: string): string => lines.with(1, size).join("\n");
  const insecure = ["--insecure-no-signature"];
  const otherKey = testLog({ size: 1, seed: "other", origin: log.origin }).vkey;
  const otherLog = testLog({ size: 300, seed: "other" });
  const cases: [what: string, note: Uint8Array | string, trust: string[] | undefined, words: RegExp][] = [
    ["a size beyond 2^53−1", ofSize("9007199254740993"), insecure, /2\^53−1.*9007199254740993/],
    ["a wrong key", checkpoint, ["--vkey", otherKey], /not signed by any key/],
    ["a bad signature", ofSize("299"), undefined, /signature/],
    ["another origin", checkpoint, ["--vkey", log.vkey, "--origin", "other.example"], /other\.example/],
    ["another log", noteOf(otherLog), undefined, /\/checkpoint: /],
    [
      "another root",
      lines.with(2, Buffer.alloc(32, 1).toString("base64")).join("\n"),
      insecure,
      /root|tile\//,
    ],
  ];
  test.each(cases)("%s", async (_what, note, trust, words) => {
    const target = newTarget();
    expectOneLine(await copyWith(note, trust, target), 3, words);
    expect(existsSync(target)).toBe(false);
  });
});

describe("a target that may not or cannot be written is told in one line, and left as it is", () => {
  test("a file", async () => {
    const target = join(temporaryDirectory(), "file");
    writeFileSync(target, "mine");
    expectOneLine(await copyWith(checkpoint, undefined, target), 4, /a file, not a directory/);
  });

  test("another log", async () => {
    const target = newTarget();
    const other = testLog({ size: 20, seed: "other" });
    const server = await startLogServer(other.objects);
    expect((await runHere(["copy", server.url, target, "--vkey", other.vkey])).code).toBe(0);
    expectOneLine(await copyWith(checkpoint, undefined, target), 4, /contains another log/);
  });

  test("a directory with a checkpoint of somebody's", async () => {
    const target = temporaryDirectory();
    writeFileSync(join(target, "checkpoint"), "x");
    expectOneLine(await copyWith(checkpoint, undefined, target), 4, /somebody's log/);
  });

  test.each([
    ["below a file", (directory: string) => join(directory, "file/log"), /not a directory/],
    [
      "below a link that leads nowhere",
      (directory: string) => join(directory, "link/log"),
      /is not a directory.*link/,
    ],
    ["where no directory can be made", () => "/proc/no/log", /\/proc\/no.*no such file or directory/],
  ])("a place %s", async (_, place, words) => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "file"), "");
    symlinkSync(join(directory, "nowhere"), join(directory, "link"));
    expectOneLine(await copyWith(checkpoint, undefined, place(directory)), 1, words);
  });
});
