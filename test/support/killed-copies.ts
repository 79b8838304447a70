/** Copies that are killed with SIGKILL and run again: no object below a seal is fetched twice. */

import { join } from "node:path";
import { expect } from "vitest";
import { startLogServer } from "./http/misbehaving-log-server.ts";
import type { TestLog } from "./logs/generated-log.ts";
import { migrateLog } from "./migration.ts";
import { killedAfter, startMigration } from "./migration-process.ts";
import {
  differences,
  diskDirectory,
  filesBelow,
  memoryDirectory,
  temporaryFiles,
} from "./places/directory.ts";
import { isSealed, sealsIn } from "./places/seals.ts";

/** Moments that look random and are the same in every run (a linear congruential generator). */
function* moments(count: number, requests: number): Generator<number> {
  let state = 20_261_121;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // One in each stretch of the copy: moments that all fell into its middle would show less.
    yield Math.max(1, Math.round(((i + state / 2 ** 32) / count) * requests));
  }
}

/** Returns how many seals there were when the copy was killed, undefined if it had ended by then. */
async function killAndGoOn(
  log: TestLog,
  target: string,
  moment: number,
  workers: number,
): Promise<number | undefined> {
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

/**
 * Kills a copy of `log` at each of `count` moments, and expects that the same command completes it and fetches nothing
 * again that was sealed. Returns how many seals there were at each moment, undefined where the copy had ended.
 */
export async function killCopies(log: TestLog, count: number): Promise<(number | undefined)[]> {
  // A few more than a whole copy has: some moments are past the last of them, some in the first.
  const requests = log.size / 256 + 30;
  const sealsAtKill: (number | undefined)[] = [];
  for (const moment of moments(count, requests)) {
    const isEven = sealsAtKill.length % 2 === 0;
    const target = isEven ? memoryDirectory() : (diskDirectory() ?? memoryDirectory());
    sealsAtKill.push(await killAndGoOn(log, target, moment, isEven ? 1 : 2));
  }
  return sealsAtKill;
}
