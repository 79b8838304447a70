/** Promise 2 under kill -9: whatever the moment, the same command ends the copy, and no seal was in vain. */

import { join } from "node:path";
import { expect, test } from "vitest";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrateLog } from "../../support/migration.ts";
import { killedAfter, startMigration } from "../../support/migration-process.ts";
import {
  differences,
  diskDirectory,
  filesBelow,
  memoryDirectory,
  temporaryFiles,
} from "../../support/places/directory.ts";
import { isSealed, sealsIn } from "../../support/places/seals.ts";

const log = testLog({ size: 4 * 65_536 + 600, entrySize: 4 });

/** Requests of a whole copy, and a few more: some moments are past the last of them, some in the first. */
const REQUESTS = log.size / 256 + 30;

/** Moments that look random and are the same in every run (a linear congruential generator). */
function* moments(count: number): Generator<number> {
  let state = 20_261_121;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // One in each stretch of the copy: 20 moments that all fell into its middle would show less.
    yield Math.max(1, Math.round(((i + state / 2 ** 32) / count) * REQUESTS));
  }
}

async function killAndGoOn(target: string, moment: number, workers: number): Promise<number | undefined> {
  const server = await startLogServer(log.objects);
  const options = { overrides: { workers } };
  const killed = await killedAfter(moment, server, () => startMigration(log, server, target, options));
  const seals = sealsIn(target);
  const before = server.requests.length;
  const report = await migrateLog(log, server, target, options.overrides);
  expect(report.outcome).toMatch(/handed-over$/);
  expect(differences(target, log)).toEqual([]);
  expect(temporaryFiles(target)).toEqual([]);
  expect(filesBelow(join(target, ".state"))).toEqual([
    "gcState",
    "tlog-migrate.json",
    "treeState",
    "version",
  ]);
  const again = server.requests.slice(before).filter(({ path }) => isSealed(path, seals));
  expect(
    again.map(({ path }) => path),
    `sealed at request ${moment} and fetched again`,
  ).toEqual([]);
  if (killed.kind !== "killed") return undefined;
  expect(report.resumedEntries).toBeGreaterThanOrEqual(seals.size * 65_536);
  return seals.size;
}

test("killed at any of 20 moments, the same command completes the copy and fetches nothing sealed again", async () => {
  const sealsAtKill: (number | undefined)[] = [];
  for (const moment of moments(20)) {
    const isEven = sealsAtKill.length % 2 === 0;
    const target = isEven ? memoryDirectory() : (diskDirectory() ?? memoryDirectory());
    sealsAtKill.push(await killAndGoOn(target, moment, isEven ? 1 : 2));
  }
  // The moments are worth something only if they hit the copy, before its first seal and after.
  expect(sealsAtKill.filter((seals) => seals !== undefined).length).toBeGreaterThanOrEqual(15);
  expect(sealsAtKill).toContain(0);
  expect(sealsAtKill).toContain(1);
});
