/** Moves into a directory of Sunlight: handed over, read back, given up, and handed over again. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { nextSteps } from "../../../cmd/report/next-steps.ts";
import {
  abandon,
  describeTarget,
  migrate,
  planMigration,
  staticCtVerifier,
  TargetRefusedError,
  UsageError,
} from "../../../lib/index.ts";
import { CHECKPOINT_PATH } from "../../../lib/tlog/layout.ts";
import { logKeys } from "../../logs/log-keys.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { expectFailure, migrationOptions } from "../../support/migration.ts";
import { writeSunlightDirectory } from "../../support/places/archive.ts";
import { filesBelow, logDirectory, memoryDirectory, writeFiles } from "../../support/places/directory.ts";
import { lockRows, newLockDatabase, putLockRow } from "../../support/places/sunlight.ts";
import { verify } from "../../support/verification.ts";

const log = testLog({ size: 700, format: "static-ct" });
const verifier = staticCtVerifier(log.publicKey as string, log.origin);
const checkpoint = log.object(CHECKPOINT_PATH);
const keys = logKeys(log.origin, "tlog-migrate", "static-ct");

function newMove(from: string) {
  const directory = join(memoryDirectory(), "log");
  const [target, lock] = [`gzip+file://${directory}`, newLockDatabase()];
  const targetOptions = { sunlightLock: lock };
  return {
    directory,
    target,
    lock,
    copy: (overrides = {}) =>
      migrate(
        migrationOptions(log, from, target, {
          policy: { verifiers: [verifier] },
          targetOptions,
          ...overrides,
        }),
      ),
    abandon: () => abandon({ target, targetOptions, access: { userAgentVersion: "test" } }),
  };
}

test("a log of Sunlight is copied as it is, and verified, given up and copied again", async () => {
  const from = memoryDirectory();
  writeSunlightDirectory(from, log.objects);
  const move = newMove(`gzip+file://${from}`);
  expect(await move.copy({ handOver: false })).toMatchObject({ outcome: "ready-for-handover" });
  expect(lockRows(move.lock)).toEqual({});
  const report = await move.copy();
  expect(report).toMatchObject({ outcome: "handed-over", resumedEntries: 700 });
  expect(report.stored).toEqual({ purpose: "log", checkpoint: "stored" });
  const target = await describeTarget(move.target, { sunlightLock: move.lock });
  const steps = nextSteps(report, { target, handover: "" }).join("\n");
  expect(steps).toContain(`Start Sunlight on it with the lock ${move.lock} `);
  expect(steps).toContain("--public-key <base64> --origin <origin>");
  for (const path of filesBelow(from)) {
    expect(readFileSync(join(move.directory, path)).equals(readFileSync(join(from, path))), path).toBe(true);
  }
  const logId = Buffer.from(verifier.logId ?? []).toString("hex");
  expect(lockRows(move.lock)).toEqual({ [logId]: checkpoint.toString() });
  expect(await verify(log, move.target)).toMatchObject({ faults: 0, entries: 700 });
  expect(await move.copy()).toMatchObject({ outcome: "already-handed-over" });

  expect(await move.abandon()).toMatchObject({ outcome: "handover-taken-back", size: 700 });
  expect(lockRows(move.lock)).toEqual({});
  expect(await move.copy()).toMatchObject({ outcome: "handed-over" });
  // Sunlight signs what it has again.
  putLockRow(
    move.lock,
    verifier.logId as Uint8Array,
    Buffer.concat([checkpoint, Buffer.from("— witness AAAAAAAA\n")]),
  );
  await expect(move.abandon()).rejects.toBeInstanceOf(TargetRefusedError);
});

test("a log whose data tiles are plain is compressed, and what is wrong among them is copied again", async () => {
  const move = newMove(logDirectory(log));
  await move.copy({ handOver: false });
  const path = "tile/data/001";
  writeFiles(move.directory, [[path, log.object(path)]]);
  expect(await move.copy({ recheck: true })).toMatchObject({ outcome: "handed-over", replacedObjects: 1 });
  expect(gunzipSync(readFileSync(join(move.directory, path))).equals(log.object(path))).toBe(true);
  expect(await verify(log, move.target)).toMatchObject({ faults: 0 });
});

test("what exists beyond the tree is found in a directory of Sunlight, as in any other", async () => {
  const move = newMove(logDirectory(log));
  await move.copy();
  writeFiles(move.directory, [["tile/0/003", Buffer.alloc(8192)]]);
  const { findings } = await verify(log, move.target);
  expect(findings.map(({ path }) => path)).toEqual(["tile/0/003"]);
});

test("a log of tlog-tiles is refused before anything is written", async () => {
  const tiles = testLog({ size: 300 });
  const directory = join(memoryDirectory(), "log");
  const options = { targetOptions: { sunlightLock: newLockDatabase() } };
  const moving = migrate(migrationOptions(tiles, logDirectory(tiles), `gzip+file://${directory}`, options));
  await expectFailure(moving, Error, /Pass --format static-ct/);
  expect(filesBelow(directory)).toEqual([]);
});

test("what the source has signed last of its tree is handed over", async () => {
  const again = Buffer.concat([checkpoint, Buffer.from("— witness AAAAAAAA\n")]);
  const server = await startLogServer(log.objects);
  let [reads, last] = [0, Number.POSITIVE_INFINITY];
  server.intercept(CHECKPOINT_PATH, (_request, response) => {
    response.end(++reads < last ? checkpoint : again);
  });
  const access = { userAgentVersion: "test", contact: "a@log.test" };
  await newMove(server.url).copy({ access });
  [reads, last] = [0, reads];
  const move = newMove(server.url);
  expect(await move.copy({ access })).toMatchObject({ outcome: "handed-over" });
  expect(readFileSync(join(move.directory, CHECKPOINT_PATH), "utf8")).toBe(again.toString());
  expect(Object.values(lockRows(move.lock))).toEqual([again.toString()]);
});

describe("verify", () => {
  const logId = verifier.logId as Uint8Array;

  async function moved() {
    const move = newMove(logDirectory(log));
    await move.copy();
    const verified = () =>
      verify(log, move.target, { targetOptions: { sunlightLock: move.lock }, settleMs: 1 });
    return { ...move, verified };
  }

  test("says that the row in the lock is of the checkpoint's tree, or that it was not read", async () => {
    const { lock, target, verified } = await moved();
    const { size } = log;
    expect(await verified()).toMatchObject({ faults: 0, lock: { name: lock, size, state: "equal" } });
    const report = await verify(log, target);
    expect(report).not.toHaveProperty("lock");
    expect(report.notChecked.join("\n")).toContain(`--sunlight-lock ${lock} has it compared`);
    // Sunlight signs what it has again.
    putLockRow(lock, logId, Buffer.concat([checkpoint, Buffer.from("— witness AAAAAAAA\n")]));
    expect(await verified()).toMatchObject({ faults: 0, lock: { state: "equal" } });
  });

  test.each([
    ["all that the row has is stored", true],
    ["Sunlight has not stored it yet", false],
  ])("says that the log has grown where %s", async (_, isStored) => {
    const { directory, lock, verified } = await moved();
    const grown = testLog({ size: 1000, format: "static-ct" });
    putLockRow(lock, logId, grown.object(CHECKPOINT_PATH));
    if (isStored) {
      for (const [path, bytes] of grown.objects) {
        if (/^tile\/\d/.test(path)) writeFiles(directory, [[path, bytes]]);
      }
    }
    const report = await verified();
    expect(report.lock).toMatchObject({ size: 1000, state: "grown" });
    const isUnchecked = report.notChecked.join("\n").includes("The entries from 700 to 999");
    expect(isUnchecked).toBe(!isStored);
  });

  test.each<[string, (lock: string) => void, RegExp]>([
    [
      "is behind the checkpoint",
      (lock) => putLockRow(lock, logId, testLog({ size: 600, format: "static-ct" }).object(CHECKPOINT_PATH)),
      /is behind the checkpoint/,
    ],
    [
      "is of another tree",
      (lock) => putLockRow(lock, logId, keys.signCheckpoint(700, new Uint8Array(32))),
      /is of another tree than the one that was signed/,
    ],
    [
      "is signed by nobody",
      (lock) => putLockRow(lock, logId, checkpoint.toString().replace(/^— .*$/gm, "— other AAAAAAAA")),
      /./,
    ],
    ["is no checkpoint", (lock) => putLockRow(lock, logId, "nothing"), /has no blank line/],
    [
      "is missing",
      (lock) => {
        const database = new DatabaseSync(lock);
        database.exec("DELETE FROM checkpoints");
        database.close();
      },
      /has no row of this log/,
    ],
  ])("finds a row that %s", async (_, change, problem) => {
    const { lock, verified } = await moved();
    change(lock);
    const { faults, findings } = await verified();
    expect(faults).toBe(1);
    expect(findings).toEqual([{ path: `the lock ${lock}`, problem: expect.stringMatching(problem) }]);
  });
});

test("a plan says what a copy would be refused for, and a handover with another lock is refused", async () => {
  const move = newMove(logDirectory(log));
  const { fresh, refused } = { fresh: newLockDatabase(), refused: move.lock };
  putLockRow(refused, verifier.logId as Uint8Array, checkpoint);
  const planned = (sunlightLock: string) =>
    planMigration(
      migrationOptions(log, logDirectory(log), move.target, {
        policy: { verifiers: [verifier] },
        targetOptions: { sunlightLock },
      }),
    );
  expect(await planned(fresh)).toMatchObject({ outcome: "fresh", handover: { checkpoint: true } });
  expect(await planned(refused)).toMatchObject({
    outcome: "refused",
    refusal: { kind: "refused", object: refused },
  });
  await move.copy({ targetOptions: { sunlightLock: fresh } });
  expect(await planned(fresh)).toMatchObject({ outcome: "already-handed-over" });
  await expectFailure(move.copy(), UsageError, new RegExp(`Pass --sunlight-lock ${fresh}`));
  await expect(move.abandon()).rejects.toThrow(`Pass --sunlight-lock ${fresh}`);
});
