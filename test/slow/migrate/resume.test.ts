/** Promise 2: the target is its own journal, and what does not belong to the log below a missing seal is debris. */

import fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectUnfinished, flippedBit } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import { expectKilled } from "../../support/migration-process.ts";
import { differences, filesBelow, temporaryFiles } from "../../support/places/directory.ts";
import { isSealed, sealsIn } from "../../support/places/seals.ts";

/** One seal and some more: of every kind of object there are some below a seal and some that are not. */
const log = testLog({ size: 65_536 + 3 * 256 + 5, entrySize: 8 });

/** A target that a copy has filled without handing it over, and its source. */
async function filledTarget() {
  const copy = await newCopy(log);
  const { outcome } = await migrateLog(log, copy.server, copy.target, { handOver: false });
  expect(outcome).toBe("ready-for-handover");
  return copy;
}

function expectHandedOver(target: string, of: TestLog = log): void {
  expect(differences(target, of)).toEqual([]);
  expect(temporaryFiles(target)).toEqual([]);
  expect(fs.readFileSync(join(target, ".state/version"), "utf8")).toBe("1");
}

test("what is whole is found in place: a second run reads the tree's right edge and stores no bundle", async () => {
  const { server, target } = await filledTarget();
  const before = server.requests.length;
  const report = await migrateLog(log, server, target);
  expect(report).toMatchObject({
    outcome: "handed-over",
    resumedEntries: log.size,
    entries: 0,
    replacedObjects: 0,
  });
  expect(server.requests.slice(before).filter(({ path }) => isSealed(path, new Set([0])))).toEqual([]);
  const bundles = server.requests.slice(before).filter(({ path }) => path.startsWith("tile/entries/"));
  // Three sizes are looked at to estimate the room that is left.
  expect(bundles.length).toBeLessThanOrEqual(3);
  expectHandedOver(target);
});

test("below a missing seal truncated, empty and wrong objects are replaced, each of them counted", async () => {
  const { server, target } = await filledTarget();
  const spoil = (path: string, bytes: Uint8Array) => fs.writeFileSync(join(target, path), bytes);
  fs.rmSync(join(target, "tile/1/000"));
  spoil("tile/entries/000", log.object("tile/entries/000").subarray(0, 100));
  spoil("tile/entries/001", Buffer.alloc(0));
  spoil("tile/entries/002", flippedBit(log.object("tile/entries/002"), 500));
  spoil("tile/entries/003", Buffer.concat([log.object("tile/entries/003"), Buffer.of(1)]));
  spoil("tile/entries/004", Buffer.alloc(log.object("tile/entries/004").length));
  spoil("tile/0/005", log.object("tile/0/005").subarray(0, 32));
  spoil("tile/0/006", Buffer.alloc(0));
  spoil("tile/0/007", flippedBit(log.object("tile/0/007"), 8_000));
  spoil("tile/entries/256", Buffer.from("junk"));
  spoil("tile/entries/259.p/5", Buffer.from("junk"));
  spoil("tile/0/259.p/5", Buffer.from("junk"));
  fs.rmSync(join(target, "tile/entries/100"));
  fs.rmSync(join(target, "tile/0/101"));
  const report = await migrateLog(log, server, target);
  expectHandedOver(target);
  expect(report.replacedObjects).toBe(11);
  // Fetched are the five spoiled bundles, the missing one, and the two of the right edge.
  expect(report.entries).toBe(7 * 256 + 5);
  expect(report.resumedEntries).toBe(log.size - report.entries);
});

test("a seal that is not the tree's seals nothing: all below it is looked at again", async () => {
  for (const wrong of [
    flippedBit(log.object("tile/1/000"), 32 * 255),
    log.object("tile/1/000").subarray(0, 32 * 255),
    Buffer.concat([log.object("tile/1/000"), Buffer.alloc(32)]),
    Buffer.alloc(0),
  ]) {
    const { server, target } = await filledTarget();
    fs.writeFileSync(join(target, "tile/1/000"), wrong);
    fs.writeFileSync(join(target, "tile/entries/255"), flippedBit(log.object("tile/entries/255"), 9));
    fs.rmSync(join(target, "tile/0/254"));
    const report = await migrateLog(log, server, target);
    expectHandedOver(target);
    expect(report.replacedObjects).toBe(2);
  }
});

test("a run that is aborted at any moment leaves no temporary file, and the next one completes", async () => {
  for (const moment of [2, 5, 20, 150, 262]) {
    const { server, target } = await newCopy(log);
    const stop = new AbortController();
    const reason = new Error("stopped by the test");
    let left = moment;
    const undo = server.intercept(
      () => true,
      async (_request, _response, next) => {
        if (--left === 0) stop.abort(reason);
        await next();
      },
    );
    const failure = await failureOf(migrateLog(log, server, target, { signal: stop.signal, workers: 2 }));
    undo();
    expect(failure).toBe(reason);
    // The first requests come before the claim.
    if (moment > 5 || filesBelow(target).length > 0) expectUnfinished(target);
    expect(fs.existsSync(join(target, ".state/tlog-migrate.lock"))).toBe(false);
    const seals = sealsIn(target);
    const before = server.requests.length;
    await migrateLog(log, server, target);
    expectHandedOver(target);
    expect(server.requests.slice(before).filter(({ path }) => isSealed(path, seals))).toEqual([]);
  }
});

test("a migration that is aborted before it starts writes nothing", async () => {
  const { server, target } = await newCopy(log);
  const reason = new Error("too late");
  expect(await failureOf(migrateLog(log, server, target, { signal: AbortSignal.abort(reason) }))).toBe(
    reason,
  );
  expect(filesBelow(target)).toEqual([]);
});

test("temporary files of a run that was killed are removed by the next", async () => {
  const { server, target } = await newCopy(log);
  await expectKilled(log, server, target, "before", "rename", "tile/entries/100");
  expect(temporaryFiles(target)).not.toEqual([]);
  await migrateLog(log, server, target, { handOver: false });
  expect(temporaryFiles(target)).toEqual([]);
});

test("a resume finishes the checkpoint that was aimed at first, and keeps its marker", async () => {
  const { server, target } = await filledTarget();
  const marker = fs.readFileSync(join(target, ".state/version"), "utf8");
  await migrateLog(log, server, target, { handOver: false });
  expect(fs.readFileSync(join(target, ".state/version"), "utf8")).toBe(marker);
});
