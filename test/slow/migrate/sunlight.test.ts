/** Moves into a directory of Sunlight: handed over, read back, given up, and handed over again. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { nextSteps } from "../../../cmd/report/next-steps.ts";
import {
  abandon,
  describeTarget,
  migrate,
  staticCtVerifier,
  TargetRefusedError,
} from "../../../lib/index.ts";
import { CHECKPOINT_PATH } from "../../../lib/tlog/layout.ts";
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
  expect(steps).toContain(`Start Sunlight on it with the lock database ${move.lock} `);
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
