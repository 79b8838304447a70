/** A second copy into one target while the first is at work is told so; a lock that was left behind is taken over. */

import { spawnSync } from "node:child_process";
import fs, { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { PosixTarget } from "../../../storage/posix/target.ts";
import { expectRefused, notFound } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { abandonTarget, failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import { killedAfter, runMigration, startMigration } from "../../support/migration-process.ts";
import { differences, writeFiles } from "../../support/places/directory.ts";

const log = testLog({ size: 900, entrySize: 30 });
const LOCK = ".state/tlog-migrate.lock";

test("a second copy is refused while the first is at work, which is not disturbed", async () => {
  const { server, target } = await newCopy(log);
  const { reached, letGo } = server.hold("tile/entries/003.p/132");
  const first = migrateLog(log, server, target);
  await reached;
  const lock = readFileSync(join(target, LOCK), "utf8");
  await expectRefused(migrateLog(log, server, target), /another copy .* is at work: process \d+ on/);
  const inAProcess = await runMigration(log, server, target);
  expect(inAProcess).toMatchObject({ kind: "failed", name: "TargetRefusedError" });
  expect(readFileSync(join(target, LOCK), "utf8")).toBe(lock);
  letGo();
  expect((await first).outcome).toBe("handed-over");
  expect(differences(target, log)).toEqual([]);
  expect(existsSync(join(target, LOCK))).toBe(false);
});

test("two copies that start at once do not both go on", async () => {
  const { server, target } = await newCopy(log);
  const { reached, letGo } = server.hold("tile/entries/003.p/132");
  const both = [migrateLog(log, server, target), migrateLog(log, server, target)];
  const outcomes = Promise.allSettled(both);
  await reached;
  const refused = await Promise.race(both.map(failureOf));
  expect(refused.name).toBe("TargetRefusedError");
  letGo();
  expect((await outcomes).filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(differences(target, log)).toEqual([]);
});

test("the lock is given back however a copy ends, so that the same process can go on", async () => {
  const { server, target } = await newCopy(log);
  const undo = server.intercept("tile/entries/001", notFound);
  await failureOf(migrateLog(log, server, target));
  expect(existsSync(join(target, LOCK))).toBe(false);
  undo();
  await migrateLog(log, server, target);
  expect(existsSync(join(target, LOCK))).toBe(false);
});

test("the lock is given back too where the seals of another tool cannot be removed", async () => {
  const { server, target } = await newCopy(log);
  writeFiles(target, [["tile/1/000", Buffer.alloc(8_192)]]);
  vi.spyOn(PosixTarget.prototype, "remove").mockRejectedValueOnce(new Error("not permitted"));
  await expect(migrateLog(log, server, target, { adopt: true })).rejects.toThrow("not permitted");
  expect(existsSync(join(target, LOCK))).toBe(false);
});

test("the lock of a copy that was killed is taken over", async () => {
  const { server, target } = await newCopy(log);
  const killed = await killedAfter(7, server, () => startMigration(log, server, target));
  expect(killed.kind).toBe("killed");
  expect(existsSync(join(target, LOCK))).toBe(true);
  expect((await migrateLog(log, server, target)).outcome).toBe("handed-over");
});

test("a lock whose process number belongs to another process now, or that says nothing, is taken over", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target, { handOver: false });
  const { reached, letGo } = server.hold("tile/0/003.p/132");
  const running = migrateLog(log, server, target, { handOver: false });
  await reached;
  const holder = JSON.parse(readFileSync(join(target, LOCK), "utf8"));
  letGo();
  await running;
  const dead = spawnSync(process.execPath, ["--eval", ""]).pid;
  for (const left of [
    JSON.stringify({ ...holder, startTime: "1" }),
    JSON.stringify({ ...holder, pid: dead }),
    JSON.stringify({ ...holder, pid: -1, startTime: "" }),
    "",
    "{",
  ]) {
    writeFiles(target, [[LOCK, left]]);
    await migrateLog(log, server, target, { handOver: false });
    expect(existsSync(join(target, LOCK))).toBe(false);
  }
});

test("a lock that cannot be removed changes neither success nor the failure, and is a notice", async () => {
  const { server, target } = await newCopy(log);
  const notices: string[] = [];
  const options = { notice: (sentence: string) => void notices.push(sentence) };
  const { rmSync } = fs;
  vi.spyOn(fs, "rmSync").mockImplementation((path, how) => {
    if (String(path).endsWith(".lock")) throw Object.assign(new Error("EROFS"), { code: "EROFS" });
    rmSync(path, how);
  });
  const undo = server.intercept("tile/entries/001", notFound);
  const failure = await failureOf(migrateLog(log, server, target, options));
  expect(failure.message).toContain("tile/entries/001");
  undo();
  // What stayed is of this very process.
  rmSync(join(target, LOCK));
  expect((await migrateLog(log, server, target, options)).outcome).toBe("handed-over");
  const notice = expect.stringMatching(
    /^Clean-up at the end failed.*tlog-migrate\.lock: the file system is read-only/,
  );
  expect(notices).toEqual([notice, notice]);
});

test("a claim that is abandoned is so, whatever becomes of the lock", async () => {
  const { server, target } = await newCopy(log);
  vi.spyOn(PosixTarget.prototype, "requireFreeSpace").mockRejectedValueOnce(new Error("no space"));
  await failureOf(migrateLog(log, server, target));
  vi.spyOn(PosixTarget.prototype, "lock").mockResolvedValueOnce({
    release: async () => {
      throw new Error("EROFS");
    },
  });
  expect(await abandonTarget(target)).toMatchObject({ outcome: "claim-removed" });
});
