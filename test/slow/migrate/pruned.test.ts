/** Pruned logs of more than one seal: an incomplete run is never taken for a sealed one, and is filled in later. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OperationError, VerificationError } from "../../../lib/errors.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { prunedLog, prunedObjects } from "../../support/logs/pruned-log.ts";
import { abandonTarget, expectFailure, failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import { killAt, killedAfter, runMigration, startMigration } from "../../support/migration-process.ts";
import { writeArchive } from "../../support/places/archive.ts";
import {
  differences,
  logDirectory,
  memoryDirectory,
  versionOf,
  writeFiles,
} from "../../support/places/directory.ts";
import { pathsOf, verify } from "../../support/verification.ts";

const large = testLog({ size: 65_536 + 700, entrySize: 8 });

function markerOf(target: string): { minIndex: number; absentEntries?: number } {
  const text = versionOf(target) ?? "";
  return JSON.parse(text.replace("migration-in-progress ", ""));
}

test.each([
  [65_536, 65_535],
  [65_536, 65_536],
  [large.size, 256],
  [large.size, 65_536],
  [large.size, large.size - 1],
])("of %i entries those below %i may be gone", async (size, minIndex) => {
  const whole = large.atSize(size);
  const left = prunedLog(whole, minIndex);
  const target = memoryDirectory();
  const report = await migrateLog(whole, { url: logDirectory(left) }, target, { minIndex });
  const absentEntries = Math.floor(minIndex / 256) * 256;
  expect(report).toMatchObject({
    outcome: "handed-over",
    entries: size - absentEntries,
    pruned: { minIndex: absentEntries, absentEntries },
  });
  expect(differences(target, left)).toEqual([]);
  const verified = await verify(whole, target, { policy: undefined });
  expect(verified).toMatchObject({ faults: 0, pruned: { minIndex: absentEntries, absentEntries } });
});

describe("the next run fills in what it can, and takes no incomplete run for a sealed one", () => {
  const left = prunedLog(large, 60_000);
  const unfinished = async (minIndex = 60_000): Promise<string> => {
    const target = memoryDirectory();
    await migrateLog(large, { url: logDirectory(left) }, target, { minIndex, handOver: false });
    expect(differences(target, left)).toEqual([]);
    return target;
  };

  test("from a source that has all, with a lower minimum index or none", async () => {
    for (const minIndex of [undefined, 300]) {
      const target = await unfinished();
      expect(markerOf(target)).toMatchObject({ minIndex: 59_904 });
      const report = await migrateLog(large, { url: logDirectory(large) }, target, { minIndex });
      expect(report).toMatchObject({ outcome: "handed-over", entries: 59_904 });
      expect(report.pruned).toBeUndefined();
      expect(differences(target, large)).toEqual([]);
      const verified = await verify(large, target, { policy: undefined });
      expect(verified.pruned).toBeUndefined();
    }
  });

  test("from one that has more, and from then on goes by that", async () => {
    const target = await unfinished();
    const more = prunedLog(large, 30_000);
    await expectFailure(
      migrateLog(large, { url: logDirectory(left) }, target, { minIndex: 30_000 }),
      VerificationError,
      /is missing/,
    );
    // What failed has lowered nothing.
    expect(markerOf(target)).toMatchObject({ minIndex: 59_904 });
    const report = await migrateLog(large, { url: logDirectory(more) }, target, { minIndex: 30_000 });
    expect(report.pruned).toEqual({ minIndex: 29_952, absentEntries: 29_952 });
    expect(differences(target, more)).toEqual([]);
  });

  test("also where each run was broken off", async () => {
    const { server, target } = await newCopy(large);
    const edge = [...large.objects.keys()].find(
      (path) => path.startsWith("tile/entries/") && path.includes(".p/"),
    );
    const isNoLonger = (path: string) =>
      server.intercept(path, (_request, response) => void response.writeHead(400).end());
    // Before anything is sealed; then after all that can be, of what is left.
    const serveAgain = isNoLonger("tile/entries/001");
    await expect(migrateLog(large, server, target)).rejects.toThrow(OperationError);
    expect(markerOf(target)).toMatchObject({ minIndex: 0 });
    serveAgain();
    server.objects = left.objects;
    isNoLonger(edge as string);
    const options = { minIndex: 60_000, concurrency: 1 };
    await expect(migrateLog(large, server, target, options)).rejects.toThrow(OperationError);
    expect(differences(target, left)).not.toContain("tile/1/000 is missing");
    await migrateLog(large, { url: logDirectory(large) }, target);
    expect(differences(target, large)).toEqual([]);
  });

  test("and keeps what an earlier run had from a source with more", async () => {
    const target = memoryDirectory();
    await migrateLog(large, { url: logDirectory(large) }, target, { handOver: false });
    const all = prunedLog(large, 65_536);
    const report = await migrateLog(large, { url: logDirectory(all) }, target, { minIndex: 65_536 });
    expect(report).toMatchObject({ outcome: "handed-over", entries: 0 });
    expect(report.pruned).toBeUndefined();
    expect(differences(target, large)).toEqual([]);
  });

  test("but not what is wrong of that, though the source has neither it nor the tiles above", async () => {
    const target = memoryDirectory();
    await migrateLog(large, { url: logDirectory(large) }, target, { handOver: false });
    writeFiles(target, [["tile/entries/007", large.object("tile/entries/008")]]);
    const all = { url: logDirectory(prunedLog(large, 65_536)) };
    const copy = migrateLog(large, all, target, { minIndex: 65_536 });
    await expectFailure(copy, VerificationError, /tile\/entries\/007 in the target/);
  });

  test("also where it rechecks all: what the source cannot replace stays", async () => {
    const target = memoryDirectory();
    await migrateLog(large, { url: logDirectory(large) }, target, { handOver: false });
    const all = { url: logDirectory(prunedLog(large, 65_536)) };
    await migrateLog(large, all, target, { minIndex: 65_536, handOver: false });
    await migrateLog(large, all, target, { minIndex: 65_536, recheck: true });
    expect(differences(target, large)).toEqual([]);
  });

  test("and grows with its source", async () => {
    const target = memoryDirectory();
    const small = { url: logDirectory(prunedLog(large.atSize(65_536), 40_000)) };
    await migrateLog(large, small, target, { minIndex: 40_000, handOver: false });
    const report = await migrateLog(large, { url: logDirectory(left) }, target, { minIndex: 60_000 });
    expect(report).toMatchObject({ outcome: "handed-over", size: large.size });
    const expected = prunedLog(large, 40_000);
    expect(
      differences(target, expected).filter((fault) => !/\.p\/\d+ is not the log's$/.test(fault)),
    ).toEqual([]);
    expect(report.pruned).toEqual({ minIndex: 39_936, absentEntries: 39_936 });
  });
});

test("objects below a tile that is gone are not kept silently: nothing authenticates them", async () => {
  const target = memoryDirectory();
  await migrateLog(large, { url: logDirectory(large) }, target, { handOver: false });
  const gone = prunedObjects(large, 65_536);
  const source = { url: logDirectory({ objects: gone }) };
  await migrateLog(large, source, target, { minIndex: 65_536, handOver: false });
  rmSync(join(target, "tile/1/000"));
  const failure = await failureOf(migrateLog(large, source, target, { minIndex: 65_536 }));
  expect(failure).toBeInstanceOf(VerificationError);
  expect(failure.message).toMatch(/tile\/\S+000: cannot be authenticated, since tile\/1\/000 is pruned/);
});

test("a log that was handed over is filled in by a repair, from an archive that is older too", async () => {
  const target = memoryDirectory();
  await migrateLog(large, { url: logDirectory(prunedLog(large, 60_000)) }, target, { minIndex: 60_000 });
  const fill = (from: TestLog) =>
    verify(large, target, { policy: undefined, minIndex: 0, repairFrom: logDirectory(from) });
  expect((await fill(large.atSize(40_000))).faults).toBe((2 * (59_904 - 39_936)) / 256);
  expect(await verify(large, target, { policy: undefined })).toMatchObject({
    faults: 0,
    pruned: { minIndex: 59_904, absentEntries: 59_904 - 39_936 },
  });
  expect(await fill(large)).toMatchObject({ faults: 0 });
  expect(differences(target, large)).toEqual([]);
});

test("a repair goes on past what nothing authenticates in the log itself", async () => {
  const target = memoryDirectory();
  await migrateLog(large, { url: logDirectory(prunedLog(large, 65_536)) }, target, { minIndex: 65_536 });
  const [orphan, damaged] = ["tile/0/000", "tile/entries/256"];
  writeFiles(target, [
    [orphan, large.object(orphan)],
    [damaged, large.object("tile/entries/257")],
  ]);
  expect(pathsOf(await verify(large, target, { policy: undefined }))).toEqual([orphan, damaged]);
  const repaired = await verify(large, target, { policy: undefined, repairFrom: logDirectory(large) });
  expect(pathsOf(repaired)).toEqual([orphan]);
  // It was not broken off.
  expect(repaired.repair?.failure).toBeUndefined();
});

test("a verification finds what a pruned log must have, and what is bad below its minimum index", async () => {
  const source = logDirectory(prunedLog(large, 60_000, (path) => path.endsWith("/007")));
  expect(await verify(large, source, { minIndex: 60_000 })).toMatchObject({
    faults: 0,
    pruned: { minIndex: 60_000, absentEntries: 59_904 - 256 },
  });
  expect(pathsOf(await verify(large, source, { minIndex: 59_903 }))).toEqual([
    "tile/0/233",
    "tile/entries/233",
  ]);
  writeFiles(source, [["tile/0/007", large.object("tile/0/009")]]);
  expect(pathsOf(await verify(large, source, { minIndex: 60_000 }))).toEqual(["tile/0/007"]);
});

test("a copy that is killed leaves nothing that a later one, from a source with more, takes for whole", async () => {
  const left = prunedLog(large, 60_000);
  const overrides = { minIndex: 60_000, workers: 2 };
  const killed: string[] = [];
  for (const moment of [40, 90, 140, 190]) {
    const { server, target } = await newCopy(left);
    const { kind } = await killedAfter(moment, server, () =>
      startMigration(large, server, target, { overrides }),
    );
    killed.push(kind);
    await migrateLog(large, { url: logDirectory(large) }, target);
    expect(differences(target, large)).toEqual([]);
  }
  expect(killed).toContain("killed");
});

test.each([
  ["before", "raised", 0],
  ["after", "raised", 0],
  ["before", "lowered", 1],
  ["after", "lowered", 1],
] as const)(
  "killed %s the minimum index is %s, the copy is completed by either source",
  async (when, _what, calls) => {
    const [all, left] = [logDirectory(large), logDirectory(prunedLog(large, 60_000))];
    const { server, target } = await newCopy(large);
    // Claimed for a log of which nothing may be missing.
    server.intercept("tile/entries/001", (_request, response) => void response.writeHead(400).end());
    await expect(migrateLog(large, server, target, { concurrency: 1 })).rejects.toThrow(OperationError);
    expect(markerOf(target)).toMatchObject({ minIndex: 0 });
    const overrides = { minIndex: 60_000, handOver: false };
    const moment = killAt(when, "rename", "/.state/version", calls);
    expect(await runMigration(large, { url: left }, target, { overrides, ...moment })).toEqual({
      kind: "killed",
    });
    const again = await migrateLog(large, { url: left }, target, overrides);
    expect(again.pruned).toMatchObject({ minIndex: 59_904 });
    const filled = await migrateLog(large, { url: all }, target);
    expect(filled.pruned).toBeUndefined();
    expect(differences(target, large)).toEqual([]);
  },
);

test.each([
  ["after", "link", "/.state/treeState", 0],
  ["before", "rename", "/.state/tlog-migrate.json", 0],
  ["before", "rename", "/.state/version", 1],
] as const)(
  "killed in its handover, %s a %s of %s, a copy is handed over by the same command",
  async (when, call, suffix, before) => {
    const source = { url: logDirectory(prunedLog(large, 60_000)) };
    const target = memoryDirectory();
    const overrides = { minIndex: 60_000 };
    const killed = { overrides, ...killAt(when, call, suffix, before) };
    expect(await runMigration(large, source, target, killed)).toEqual({ kind: "killed" });
    expect(versionOf(target)).toMatch(/^migration-in-progress /);
    const report = await migrateLog(large, source, target, overrides);
    const pruned = { minIndex: 59_904, absentEntries: 59_904 };
    expect(report).toMatchObject({ outcome: "handed-over", pruned });
    expect(await verify(large, target, { policy: undefined })).toMatchObject({ faults: 0, pruned });
    // Taken back, it is a copy that may be incomplete, and is filled in.
    await abandonTarget(target);
    expect(markerOf(target)).toMatchObject({ minIndex: 59_904 });
    await migrateLog(large, { url: logDirectory(large) }, target);
    expect(differences(target, large)).toEqual([]);
  },
);

test("an archive comes first, and what it lacks of the log from where that is pruned", async () => {
  const target = memoryDirectory();
  await migrateLog(large, { url: logDirectory(large.atSize(62_000)) }, target, { handOver: false });
  const left = { url: logDirectory(prunedLog(large, 60_000)) };
  const report = await migrateLog(large, left, target, { minIndex: 60_000 });
  expect(report).toMatchObject({ outcome: "handed-over", size: large.size });
  expect(report.pruned).toBeUndefined();
  expect(differences(target, large).filter((fault) => !fault.includes(".p/"))).toEqual([]);
  // One that ends before it is not shown to be of the same log.
  const other = memoryDirectory();
  await migrateLog(large, { url: logDirectory(large.atSize(50_001)) }, other, { handOver: false });
  await expectFailure(
    migrateLog(large, left, other, { minIndex: 60_000 }),
    OperationError,
    /minimum index 60,000/,
  );
});

test("of a Static CT log, the issuers of what is left are copied, and an archive of zips fills in the rest", async () => {
  const certificates = testLog({ size: 900, format: "static-ct" });
  const left = prunedLog(certificates, 600);
  const archive = memoryDirectory();
  writeArchive(archive, certificates, 65_536);
  const fromArchive = `archive+file://${archive}`;
  const [filledBefore, filledAfter] = [memoryDirectory(), memoryDirectory()];
  const source = { url: logDirectory(left) };
  for (const target of [filledBefore, filledAfter]) {
    const handOver = target === filledAfter;
    const report = await migrateLog(certificates, source, target, { minIndex: 600, handOver });
    expect(report).toMatchObject({ pruned: { absentEntries: 512 }, extraData: { missingIssuers: 0 } });
  }
  await migrateLog(certificates, { url: fromArchive }, filledBefore);
  const options = { policy: undefined, minIndex: 0, repairFrom: fromArchive };
  expect(await verify(certificates, filledAfter, options)).toMatchObject({ faults: 0 });
  for (const target of [filledBefore, filledAfter]) {
    expect(differences(target, certificates)).toEqual([]);
    expect(await verify(certificates, target, { policy: undefined, minIndex: 0 })).toMatchObject({
      faults: 0,
    });
  }
});
