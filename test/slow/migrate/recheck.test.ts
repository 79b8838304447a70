/** What happens below a seal between two runs is said not to be checked, and found and repaired by --recheck. */

import { truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { flippedBit } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrateLog, newCopy } from "../../support/migration.ts";
import { killAt, runMigration } from "../../support/migration-process.ts";
import { differences, writeFiles } from "../../support/places/directory.ts";

/** Two seals and some more. */
const log = testLog({ size: 2 * 65_536 + 300, entrySize: 8 });
const FLIPPED = "tile/entries/300";
const TRUNCATED = "tile/entries/007";

/** A copy that is not handed over, with damage below its seals that no listing shows. */
async function damagedCopy() {
  const copy = await newCopy(log);
  const report = await migrateLog(log, copy.server, copy.target, { handOver: false });
  expect(report).toMatchObject({ sealedEntries: 0 });
  expect(report.notChecked.join()).not.toContain("seals");
  truncateSync(join(copy.target, TRUNCATED), 1_000);
  writeFiles(copy.target, [[FLIPPED, flippedBit(log.object(FLIPPED), 100)]]);
  return copy;
}

test("how many entries below earlier seals were not read is said at the end", async () => {
  const { server, target } = await damagedCopy();
  const report = await migrateLog(log, server, target);
  expect(report).toMatchObject({ outcome: "handed-over", sealedEntries: 131_072 });
  expect(report.notChecked).toContainEqual(
    expect.stringMatching(/below the seals of earlier runs: 131,072 entries were not read again.*--recheck/),
  );
  expect(differences(target, log)).not.toEqual([]);
});

test("a recheck reads all of it, fetches no more than what is wrong, and counts that as replaced", async () => {
  const { server, target } = await damagedCopy();
  const before = server.requests.length;
  const report = await migrateLog(log, server, target, { recheck: true });
  expect(report).toMatchObject({
    outcome: "handed-over",
    sealedEntries: 0,
    replacedObjects: 2,
    entries: 2 * 256,
    resumedEntries: log.size - 2 * 256,
  });
  expect(report.notChecked.join()).not.toContain("seals");
  const bundles = server.requests.slice(before).filter(({ path }) => path.startsWith("tile/entries/"));
  expect(bundles.map(({ path }) => path).toSorted()).toEqual([TRUNCATED, FLIPPED]);
  expect(differences(target, log)).toEqual([]);
});

test.each([
  ["before", "rm", "tile/1/001"],
  ["after", "rm", "tile/1/001"],
  ["before", "rename", "tile/1/001"],
] as const)(
  "a recheck that is killed %s %s of %s is finished by the same copy without it",
  async (...moment) => {
    const { server, target } = await damagedCopy();
    const [when, call, path] = moment;
    const options = { ...killAt(when, call, path), overrides: { recheck: true } };
    expect(await runMigration(log, server, target, options)).toEqual({ kind: "killed" });
    expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over" });
    expect(differences(target, log)).toEqual([]);
  },
);

test("a source that grows is rechecked once, not in each round", async () => {
  const { server, target } = await damagedCopy();
  const grown = log.atSize(log.size + 500);
  const undo = server.intercept("tile/entries/007", async (_request, _response, next) => {
    undo();
    server.objects = new Map([...log.objects, ...grown.objects]);
    await next();
  });
  const report = await migrateLog(log, server, target, { recheck: true });
  expect(report).toMatchObject({ outcome: "handed-over", size: grown.size, replacedObjects: 2 });
  // The second round costs what has grown.
  expect(report.resumedEntries).toBeGreaterThanOrEqual(131_072 - 2 * 256);
  expect(report.resumedEntries).toBeLessThanOrEqual(131_072);
  expect(report.sealedEntries).toBe(0);
});
