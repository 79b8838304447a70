/** `status` explains every place where a copy ever wrote, and any other, and changes nothing. */

import { rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { TargetRefusedError } from "../../../lib/index.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { realLogPath } from "../../support/logs/real-logs.ts";
import { abandonTarget, failureOf, migrateLog } from "../../support/migration.ts";
import {
  directoryContents,
  logDirectory,
  memoryDirectory,
  writeFiles,
} from "../../support/places/directory.ts";
import { statusOf } from "../../support/planning.ts";

const log = testLog({ size: 900, entrySize: 30 });
const large = testLog({ size: 2 * 65_536 + 300, entrySize: 8 });
const treeOf = ({ size, rootHash }: typeof log) => ({ size, rootHash: formatHash(rootHash) });
const checkpointOf = (of: typeof log) => ({ origin: of.origin, ...treeOf(of) });

let target: string;
/** What the directory had when it was looked at, which it must still have. */
let before: unknown;

async function look() {
  before = directoryContents(target);
  return await statusOf(target);
}

function place(): string {
  target = memoryDirectory();
  return target;
}

afterEach(() => expect(directoryContents(target)).toEqual(before));

const unfinished = (phase: string) => ({
  state: "unfinished",
  phase,
  source: expect.any(String),
  aim: treeOf(log),
});

describe("an unfinished copy", () => {
  test("of which nothing is stored, or a part, or all", async () => {
    await migrateLog(log, { url: logDirectory(log) }, place(), { handOver: false });
    expect(await look()).toMatchObject({ ...unfinished("copied"), sealedEntries: 0, origin: log.origin });
    rmSync(join(target, "tile/1"), { recursive: true });
    expect(await look()).toMatchObject(unfinished("copying"));
    rmSync(join(target, "tile"), { recursive: true });
    expect(await look()).toMatchObject(unfinished("claimed"));
  });

  test("of a log that has grown: the top of its tree is the same, and its last entries are missing", async () => {
    const [small, grown] = [large.atSize(70_000), large.atSize(70_300)];
    const server = await startLogServer(small.objects);
    await migrateLog(small, server, place(), { handOver: false });
    const served = [...small.objects, ...grown.objects].filter(([path]) => path !== "tile/entries/274.p/156");
    server.objects = new Map(served);
    await failureOf(migrateLog(grown, server, target, { handOver: false }));
    expect(await look()).toMatchObject({ phase: "copying", aim: treeOf(grown) });
  });

  test("below seals, and none that may not be trusted", async () => {
    await migrateLog(large, { url: logDirectory(large) }, place(), { handOver: false });
    expect(await look()).toMatchObject({ phase: "copied", sealedEntries: 131_072, distrustsSeals: false });
    rmSync(join(target, "tile/1/001"));
    expect(await look()).toMatchObject({ sealedEntries: 65_536 });
    writeFiles(target, [["tile/1/001", "half a seal"]]);
    expect(await look()).toMatchObject({ sealedEntries: 65_536 });
  });

  test("and who is at work there, since when", async () => {
    const server = await startLogServer(log.objects);
    const { reached, letGo } = server.hold("tile/entries/003.p/132");
    const startedAt = Date.now();
    const copy = migrateLog(log, server, place());
    await reached;
    const status = await statusOf(target);
    const lock = status.state === "unfinished" ? status.lock : undefined;
    expect(lock).toMatchObject({ host: hostname(), pid: process.pid, isRunning: true });
    for (const time of [lock?.since, lock?.heardAt]) {
      expect(Date.parse(time ?? "")).toBeGreaterThanOrEqual(startedAt - 2_000);
      expect(Date.parse(time ?? "")).toBeLessThanOrEqual(Date.now() + 2_000);
    }
    letGo();
    await copy;
    before = directoryContents(target);
  });

  test("whose lock is one of an early version, of a process that is gone, or of another machine", async () => {
    await migrateLog(log, { url: logDirectory(log) }, place(), { handOver: false });
    const holder = { host: "elsewhere", boot: "b", namespace: "n", pid: 7, startTime: "1", token: "t" };
    const locks: [object, object][] = [
      [holder, { host: "elsewhere", pid: 7 }],
      [
        { ...holder, host: hostname() },
        { host: hostname(), pid: 7, isRunning: false },
      ],
      [{ ...holder, since: "2026-11-29T12:00:00.000Z" }, { since: "2026-11-29T12:00:00.000Z" }],
      [{ ...holder, since: "once" }, { host: "elsewhere" }],
    ];
    for (const [text, expected] of locks) {
      writeFiles(target, [[".state/tlog-migrate.lock", JSON.stringify(text)]]);
      const status = await look();
      expect(status).toMatchObject({ lock: expected });
      expect(JSON.stringify(status)).not.toContain("once");
    }
    writeFiles(target, [[".state/tlog-migrate.lock", "no lock of ours"]]);
    expect(await look()).not.toHaveProperty("lock");
  });

  test("of which a handover had begun, or was taken back", async () => {
    await migrateLog(log, { url: logDirectory(log) }, place());
    await abandonTarget(target);
    expect(await look()).toMatchObject(unfinished("copied"));
    writeFiles(target, [[".state/treeState", JSON.stringify({ size: 900, root: formatHash(log.rootHash) })]]);
    expect(await look()).toMatchObject({ ...unfinished("handing-over"), tree: treeOf(log) });
  });

  test("whose marker is damaged is an error that says so", async () => {
    await migrateLog(log, { url: logDirectory(log) }, place(), { handOver: false });
    writeFiles(target, [[".state/version", "migration-in-progress {"]]);
    before = directoryContents(target);
    const failure = await failureOf(statusOf(target));
    expect(failure).toBeInstanceOf(TargetRefusedError);
    expect(failure.message).toMatch(/marker: is damaged/);
  });
});

describe("what is handed over", () => {
  test("as it was, and what its log software has made of it", async () => {
    const server = await startLogServer(log.objects);
    await migrateLog(log, server, place());
    const done = {
      state: "handed-over",
      origin: log.origin,
      source: `${server.url}/`,
      tool: "tlog-migrate test",
    };
    expect(await look()).toMatchObject({ ...done, ...treeOf(log), tree: treeOf(log) });
    const grown = log.atSize(1000);
    writeFiles(target, grown.objects);
    const root = formatHash(grown.rootHash);
    writeFiles(target, [[".state/treeState", JSON.stringify({ size: 1000, root })]]);
    expect(await look()).toMatchObject({ ...done, tree: treeOf(grown), checkpoint: checkpointOf(grown) });
  });

  test("and lacks issuers, or its beginning", async () => {
    const ct = testLog({ size: 600, format: "static-ct" });
    ct.objects.delete([...ct.objects.keys()].find((path) => path.startsWith("issuer/")) ?? "");
    ct.objects.delete("tile/data/000");
    const options = { allowMissingIssuers: true, minIndex: 256 };
    await migrateLog(ct, { url: logDirectory(ct) }, place(), options);
    expect(await look()).toMatchObject({
      missingIssuers: 1,
      pruned: { minIndex: 256, absentEntries: 256 },
      format: "static-ct",
    });
  });
});

describe("what no copy of ours has written", () => {
  test("nothing", async () => {
    place();
    expect(await look()).toEqual({ target, state: "empty" });
    const missing = join(target, "missing");
    expect(await statusOf(missing)).toEqual({ target: missing, state: "empty" });
  });

  test("tiles of another tool", async () => {
    writeFiles(place(), [["tile/0/000", log.object("tile/0/000")]]);
    expect(await look()).toEqual({ target, state: "other-tiles", example: "tile/0/000" });
  });

  test("a mirror, or a live log", async () => {
    writeFiles(place(), log.objects);
    expect(await look()).toMatchObject({ state: "occupied", checkpoint: checkpointOf(log) });
    writeFiles(target, [[".state/version", "1"]]);
    writeFiles(target, [[".state/treeState", JSON.stringify({ size: 900, root: formatHash(log.rootHash) })]]);
    expect(await look()).toMatchObject({
      state: "occupied",
      tree: treeOf(log),
      checkpoint: checkpointOf(log),
    });
  });

  test("real logs", async () => {
    target = realLogPath("anvil-mirror/log");
    expect(await look()).toMatchObject({
      state: "occupied",
      tree: { size: 12 },
      checkpoint: { origin: "anvil.yourarmor.ai/log/v0", size: 12 },
    });
  });

  test("a file, a directory within a log, a checkpoint that is none", async () => {
    writeFiles(place(), [...log.objects, ["checkpoint", "not one"]]);
    expect(await look()).toEqual({ target, state: "occupied", found: "a checkpoint" });
    for (const inside of ["checkpoint", "tile/0", "tile/missing"]) {
      expect(await statusOf(join(target, inside))).toMatchObject({ state: "occupied" });
    }
  });
});
