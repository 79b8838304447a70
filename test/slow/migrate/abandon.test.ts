/** What a migration did is given up only where it can be proved that nobody has built on it. */

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { TargetRefusedError } from "../../../lib/errors.ts";
import { formatMarker } from "../../../lib/migrate/target/marker.ts";
import { logKeys } from "../../logs/log-keys.ts";
import { runCli } from "../../support/cli.ts";
import { expectNotVerified } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { abandonTarget, migrateLog, newCopy } from "../../support/migration.ts";
import { killAt } from "../../support/migration-process.ts";
import {
  differences,
  directoryContents,
  filesBelow,
  memoryDirectory,
  versionOf,
  writeFiles,
} from "../../support/places/directory.ts";

const PROGRAM = join(import.meta.dirname, "../../../cmd/tlog-migrate.ts");
const log = testLog({ size: 900, entrySize: 30 });

async function handedOverCopy() {
  const copy = await newCopy(log);
  await migrateLog(log, copy.server, copy.target);
  return copy;
}

async function expectNotAbandoned(target: string, message: RegExp): Promise<void> {
  const before = directoryContents(target);
  const failure = await abandonTarget(target).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(TargetRefusedError);
  expect(String(failure)).toMatch(message);
  expect(directoryContents(target)).toEqual(before);
}

test("a handover that nobody has gone on from is taken back, and the copy goes on from there", async () => {
  const { server, target } = await handedOverCopy();
  expect(await abandonTarget(target)).toEqual({
    target,
    origin: log.origin,
    size: 900,
    outcome: "handover-taken-back",
  });
  expect(filesBelow(join(target, ".state"))).toEqual(["version"]);
  expect(versionOf(target)).toMatch(/^migration-in-progress /);
  const grown = log.atSize(1_000);
  server.objects = new Map([...log.objects, ...grown.objects]);
  const report = await migrateLog(log, server, target);
  // The three full bundles are found in place.
  expect(report).toMatchObject({ outcome: "handed-over", size: 1_000, resumedEntries: 768 });
  expect(differences(target, grown).filter((fault) => !/\.p\/132 is not the log's$/.test(fault))).toEqual([]);
});

describe("a handover stays where", () => {
  test.each<[string, Record<string, string>, RegExp]>([
    ["a checkpoint is", { checkpoint: "theirs" }, /\/checkpoint/],
    [
      "the tree has grown",
      { ".state/treeState": JSON.stringify({ size: 901, root: `${"A".repeat(43)}=` }) },
      /found size 901/,
    ],
    [
      "the tree state is written in another way",
      {
        ".state/treeState": `${JSON.stringify({ size: 900, root: Buffer.from(log.rootHash).toString("base64") })}\n`,
      },
      /treeState: is not as the handover wrote it/,
    ],
    [
      "the clean-up has begun",
      { ".state/gcState": '{"fromSize":512}' },
      /gcState: is not as the handover wrote it/,
    ],
    ["an object is beyond the tree", { "tile/entries/004.p/1": "x" }, /nothing beyond size 900/],
    ["log software has left something", { ".state/antispam": "x" }, /antispam: was made by log software/],
  ])("%s", async (_, files, message) => {
    const { target } = await handedOverCopy();
    writeFiles(target, Object.entries(files));
    await expectNotAbandoned(target, message);
  });

  test("the record is of an older version, which kept no marker", async () => {
    const { target } = await handedOverCopy();
    const { marker: _, ...record } = JSON.parse(
      readFileSync(join(target, ".state/tlog-migrate.json"), "utf8"),
    );
    writeFiles(target, [[".state/tlog-migrate.json", JSON.stringify(record)]]);
    await expectNotAbandoned(target, /handed over by an older tlog-migrate/);
  });

  // As Tessera takes them: record locks up to v1.0.4, flock(2) later. An unlocked file is what a refused one leaves.
  test.runIf(process.platform === "linux" && spawnSync("python3", ["-V"]).status === 0).each([
    ["fcntl.lockf", "treeState.lock"],
    ["fcntl.flock", "publish.lock"],
  ])("a lock is held by %s, and goes when it is not", async (call, name) => {
    const { target } = await handedOverCopy();
    const path = join(target, ".state", name);
    writeFiles(target, [[`.state/${name}`, ""]]);
    const script = `import fcntl, sys; f = open(sys.argv[1], "r+"); ${call}(f, fcntl.LOCK_EX); print("held", flush=True); sys.stdin.read()`;
    const holder = spawn("python3", ["-c", script, path], { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void holder.kill("SIGKILL"));
    await once(holder.stdout, "data");
    await expectNotAbandoned(target, /is locked: log software is at work here/);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    // Between two checkpoints an Appender holds none.
    await expectNotAbandoned(target, /which may be at work: between two checkpoints it holds no lock/);
    rmSync(path);
    expect(await abandonTarget(target)).toMatchObject({ outcome: "handover-taken-back" });
  });

  test.each(["link", "fifo", "directory"])("a lock of log software is there, be it a %s", async (kind) => {
    const { target } = await handedOverCopy();
    const path = join(target, ".state/treeState.lock");
    if (kind === "link") symlinkSync("nowhere", path);
    else if (kind === "fifo") execFileSync("mkfifo", [path]);
    else mkdirSync(path);
    await expect(abandonTarget(target)).rejects.toThrow(/treeState\.lock: was made by log software/);
    expect(versionOf(target)).toBe("1");
  });

  test("what it wrote is not a file any more", async () => {
    const { target } = await handedOverCopy();
    rmSync(join(target, ".state/gcState"));
    execFileSync("mkfifo", [join(target, ".state/gcState")]);
    await expect(abandonTarget(target)).rejects.toThrow(/gcState: is not as the handover wrote it/);
    expect(versionOf(target)).toBe("1");
  });
});

describe("another process at work at the same moment:", () => {
  /** Runs `abandon` in a process that stops itself at a call on a file; resumed by the result. */
  async function stoppedAbandon(target: string, moment: Parameters<typeof killAt>) {
    const { nodeArguments = [], env } = killAt(...moment);
    const child = spawn(process.execPath, [...nodeArguments, PROGRAM, "abandon", target], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...env, KILL_SIGNAL: "SIGSTOP" },
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const stderr = text(child.stderr);
    await vi.waitUntil(() => / T /.test(readFileSync(`/proc/${child.pid}/stat`, "utf8")), {
      timeout: 30_000,
    });
    return async () => {
      child.kill("SIGCONT");
      const [code] = await once(child, "close");
      return { code, stderr: await stderr };
    };
  }

  test.runIf(process.platform === "linux").each<[string, Parameters<typeof killAt>]>([
    ["the guard is up", ["after", "rename", ".state/version"]],
    ["the tree state goes", ["before", "rm", ".state/treeState"]],
    ["the tree state is gone", ["after", "rm", ".state/treeState"]],
  ])("neither a second one nor a copy lifts the guard when %s", async (_, moment) => {
    const { server, target } = await handedOverCopy();
    const goOn = await stoppedAbandon(target, moment);
    await expect(abandonTarget(target)).rejects.toThrow(/another copy into this target is at work/);
    await expect(migrateLog(log, server, target)).rejects.toThrow(/another copy into this target is at work/);
    expect(versionOf(target)).toMatch(/^migration-in-progress /);
    expect(await goOn()).toEqual({ code: 0, stderr: "" });
    expect(filesBelow(join(target, ".state"))).toEqual(["version"]);
    expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over" });
  });

  test.runIf(process.platform === "linux")(
    "what lifts the guard all the same keeps its tree state",
    async () => {
      const { target } = await handedOverCopy();
      const goOn = await stoppedAbandon(target, ["after", "rename", ".state/version"]);
      writeFiles(target, [[".state/version", "1"]]);
      const { code, stderr } = await goOn();
      expect(code).toBe(4);
      expect(stderr).toMatch(/version: is not as the handover wrote it/);
      expect(existsSync(join(target, ".state/treeState"))).toBe(true);
    },
  );

  test.runIf(process.platform === "linux")(
    "log software that starts finds the guard, or ends the taking back",
    async () => {
      const { server, target } = await handedOverCopy();
      const goOn = await stoppedAbandon(target, ["after", "rename", ".state/version"]);
      writeFiles(target, [[".state/treeState.lock", ""]]);
      const { code, stderr } = await goOn();
      expect(code).toBe(4);
      expect(stderr).toMatch(/treeState\.lock: was made by log software/);
      expect(versionOf(target)).toBe("1");
      expect(existsSync(join(target, ".state/treeState"))).toBe(true);
      expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "already-handed-over" });
    },
  );
});

test.each([
  ["after", "rename", "version"],
  ["after", "rm", "treeState"],
  ["after", "rm", "gcState"],
  ["after", "rm", "tlog-migrate.json"],
] as const)("killed %s %s of %s, no log software starts, and the copy goes on", async (when, call, file) => {
  const { server, target } = await handedOverCopy();
  const { nodeArguments = [], env } = killAt(when, call, `.state/${file}`);
  const abandoning = spawn(process.execPath, [...nodeArguments, PROGRAM, "abandon", target], {
    stdio: "ignore",
    env: { ...process.env, ...env },
  });
  expect(await once(abandoning, "exit")).toEqual([null, "SIGKILL"]);
  expect(versionOf(target)).toMatch(/^migration-in-progress /);
  if (existsSync(join(target, ".state/treeState"))) {
    expect(await abandonTarget(target)).toMatchObject({ outcome: "handover-taken-back" });
  }
  const grown = log.atSize(1_000);
  server.objects = new Map([...log.objects, ...grown.objects]);
  expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over", size: 1_000 });
});

test("a claim under which nothing is stored is removed: also that of a size which was signed by mistake", async () => {
  const { server, target } = await newCopy(log);
  const { signCheckpoint } = logKeys(log.origin, "tlog-migrate", "tiles");
  const mistaken = Buffer.from(signCheckpoint(Number.MAX_SAFE_INTEGER, log.rootHash));
  server.objects = new Map([...log.objects, ["checkpoint", mistaken]]);
  await expectNotVerified(migrateLog(log, server, target), /./);
  expect(filesBelow(target)).toEqual([]);
  // As earlier versions, which claimed first, left it.
  const marker = formatMarker({
    origin: log.origin,
    source: server.url,
    format: log.format,
    checkpoint: mistaken.toString(),
    smallestSize: Number.MAX_SAFE_INTEGER,
    distrustSeals: false,
    allowMissingIssuers: false,
    deep: false,
    minIndex: 0,
    tool: "tlog-migrate test",
  });
  writeFiles(target, [[".state/version", `migration-in-progress ${marker}`]]);
  server.objects = log.objects;
  await expect(migrateLog(log, server, target)).rejects.toThrow(/tlog-migrate abandon/);
  expect(await abandonTarget(target)).toMatchObject({
    outcome: "claim-removed",
    size: Number.MAX_SAFE_INTEGER,
  });
  expect(filesBelow(target)).toEqual([]);
  expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over", size: 900 });
});

test("an unfinished copy with objects in it is not given up, nor is what is not ours", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target, { handOver: false });
  await expectNotAbandoned(target, /objects are stored.*tile\//);
  const empty = memoryDirectory();
  await expectNotAbandoned(empty, /has neither a claim nor a handover/);
  rmSync(join(target, ".state"), { recursive: true });
  await expectNotAbandoned(target, /has neither a claim nor a handover/);
  mkdirSync(join(empty, ".state"));
  writeFiles(empty, [[".state/version", "1"]]);
  await expectNotAbandoned(empty, /has neither a claim nor a handover.*log software has opened it/);
});

test("the command says what it did, and what must not be done now, in words or as JSON", async () => {
  const { target } = await handedOverCopy();
  const taken = await runCli(["abandon", target]);
  expect(taken).toMatchObject({ code: 0, stderr: "" });
  expect(taken.stdout).toMatch(/^The handover is taken back.* 900 entries/);
  expect(taken.stdout).toMatch(/No log software may run on it/);
  const again = await runCli(["abandon", target]);
  expect(again).toMatchObject({ code: 4, stdout: "" });
  expect(again.stderr).toMatch(/^tlog-migrate: [^\n]*no handover to take back[^\n]*\n$/);
  const other = await handedOverCopy();
  const asJson = await runCli(["abandon", other.target, "--json"]);
  expect(JSON.parse(asJson.stdout)).toMatchObject({ outcome: "handover-taken-back", size: 900 });
});
