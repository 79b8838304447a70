/** What is not a regular file where one should be: nothing opens it, hangs on it or reads it without end. */

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { LogError, parseVkey, type VerificationReport, verifyLog } from "../../../lib/index.ts";
import { runCli } from "../../support/cli.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { failureOf, migrateLog } from "../../support/migration.ts";
import { logDirectory, memoryDirectory } from "../../support/places/directory.ts";

const log = testLog({ size: 300, entrySize: 20 });

const KINDS: Record<string, (path: string) => void> = {
  FIFO: (path) => void execFileSync("mkfifo", [path]),
  "file that fills a disk": (path) => {
    fs.writeFileSync(path, "");
    fs.truncateSync(path, 2 ** 40);
  },
  directory: (path) => void fs.mkdirSync(path),
};

function place(kind: string, path: string): void {
  fs.rmSync(path, { force: true });
  fs.mkdirSync(dirname(path), { recursive: true });
  KINDS[kind]?.(path);
}

const LINE = /^tlog-migrate: (?!internal error)[^\n]+\n$/;

function verify(directory: string): Promise<VerificationReport> {
  const policy = { verifiers: [parseVkey(log.vkey)] };
  return verifyLog({
    log: directory,
    format: "tiles",
    access: { userAgentVersion: "test" },
    policy,
    workers: 1,
  });
}

/** An unfinished copy of the log. */
async function unfinished(): Promise<string> {
  const [source, target] = [logDirectory(log), memoryDirectory()];
  fs.rmSync(join(source, "tile/entries/001.p/44"));
  await failureOf(migrateLog(log, { url: source }, target));
  return target;
}

describe("a FIFO hangs nothing", () => {
  test.each([
    [".state/version", 4],
    [".state/treeState", 4],
    [".state/tlog-migrate.lock", 0],
  ])("as %s of a target", async (name, code) => {
    const target = await unfinished();
    place("FIFO", join(target, name));
    const args = ["copy", logDirectory(log), target, "--vkey", log.vkey, "--quiet"];
    const result = await runCli(args, { timeoutMs: 20_000 });
    expect(result).toMatchObject({ code, stderr: code === 0 ? "" : expect.stringMatching(LINE) });
  });

  test("as .state/version of a log that is verified", async () => {
    const source = logDirectory(log);
    place("FIFO", join(source, ".state/version"));
    const args = ["verify", source, "--vkey", log.vkey, "--quiet"];
    const { code, stderr } = await runCli(args, { timeoutMs: 20_000 });
    expect([code, stderr]).toEqual([3, expect.stringMatching(LINE)]);
  });
});

describe.each(Object.keys(KINDS))("a %s is reported", (kind) => {
  test.each([".state/version", ".state/treeState", "checkpoint"])("as %s of a target", async (name) => {
    const target = await unfinished();
    place(kind, join(target, name));
    const failure = await failureOf(migrateLog(log, { url: logDirectory(log) }, target));
    expect(failure).toBeInstanceOf(LogError);
    expect(failure.message).toContain(name);
  });

  test.each([".state/gcState", ".state/tlog-migrate.lock"])("or replaced as %s of a target", async (name) => {
    const target = await unfinished();
    place(kind, join(target, name));
    const copy = migrateLog(log, { url: logDirectory(log) }, target);
    if (kind === "directory") expect(await failureOf(copy)).toBeInstanceOf(LogError);
    else expect(await copy).toMatchObject({ size: 300 });
  });

  test.each(["version", "treeState", "gcState"])("as .state/%s of a log that is verified", async (name) => {
    const directory = logDirectory(log);
    place(kind, join(directory, ".state", name));
    expect((await verify(directory)).findings).toMatchObject([{ path: `.state/${name}` }]);
  });

  test.each(["checkpoint", "tile/0/001.p/44", "tile/entries/000"])("as %s of a source", async (name) => {
    const source = logDirectory(log);
    place(kind, join(source, name));
    const failure = await failureOf(migrateLog(log, { url: source }, memoryDirectory()));
    expect(failure).toBeInstanceOf(LogError);
    expect(failure.message).toContain(name);
  });
});
