/** Copies into Google's cloud, emulated, and what the real Tessera makes of them. */

import { join } from "node:path";
import { expect, it } from "vitest";
import type { MigrationOptions, MigrationReport } from "../../../lib/index.ts";
import { migrate, parseVkey, verifyLog } from "../../../lib/index.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { readLog } from "../../support/go/log-files.ts";
import {
  type Bucket,
  fsck,
  type Home,
  type LogIdentity,
  type LogReport,
  makeCtLog,
  makeLog,
  takeOver,
} from "../../support/go/tessera.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { prunedObjects } from "../../support/logs/pruned-log.ts";
import { migrationOptions } from "../../support/migration.ts";
import { urlOf } from "../../support/places/bucket-targets.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const emulators = useGcpEmulators();
const identity = { origin: "log.example/gcp", key: "the log's key" };
const ctIdentity = { origin: "ct.log.example/2026h1", key: "the log's key" };
const APPENDED = 300;

/** Copies a log of Tessera's to a home in the cloud. */
function copyTo(
  home: Bucket,
  source: string,
  log: LogReport,
  overrides: Partial<MigrationOptions> = {},
): Promise<MigrationReport> {
  const targetOptions = { spanner: home.database };
  const known = { vkey: log.vkey, format: "tiles" as const };
  return migrate(migrationOptions(known, source, urlOf(home), { targetOptions, workers: 2, ...overrides }));
}

/** Expects Tessera's Appender to go on at the log's size, and its fsck to pass. */
async function expectTakenOver(
  home: Home,
  log: LogReport,
  whose: Omit<LogIdentity, "dir">,
  ct = false,
): Promise<void> {
  const grown = log.size + APPENDED;
  const taken = await takeOver({ ...home, ...whose, ct, add: APPENDED });
  expect(taken).toMatchObject({
    sizeBefore: log.size,
    indices: [log.size, grown - 1],
    contiguous: true,
    size: grown,
    vkey: log.vkey,
  });
  expect(await fsck({ ...home, vkey: log.vkey, ct })).toMatchObject({ ok: true, size: grown });
}

describeWithGo("a copy that Tessera's Appender takes over", () => {
  it.concurrent.each([
    [0, undefined],
    [1, "log"],
    [256, undefined],
    [257, "logs/of/2026"],
    [66_000, undefined],
  ])("of %i entries, from a directory to a bucket with the prefix %s", async (size, prefix) => {
    const dir = join(memoryDirectory(), "source");
    const log = await makeLog({ dir, ...identity, size });
    const home = await emulators().newHome(prefix);
    const report = await copyTo(home, dir, log);
    expect(report).toMatchObject({ outcome: "handed-over", size, rootHash: log.rootHash, entries: size });
    expect([...(await emulators().objectsOf(home)).keys()]).not.toContain("checkpoint");
    await expectTakenOver(home, log, identity);
  });

  it("of a pruned log, which is filled in under it", async () => {
    const [size, minIndex] = [66_000, 65_900];
    const dir = join(memoryDirectory(), "source");
    const log = await makeLog({ dir, ...identity, size });
    const left = prunedObjects({ objects: readLog(dir) }, minIndex);
    const home = await emulators().newHome("log");
    const report = await copyTo(home, (await startLogServer(left)).url, log, { minIndex });
    expect(report).toMatchObject({ outcome: "handed-over", pruned: { absentEntries: 65_792 } });
    const taken = await takeOver({ ...home, ...identity, add: APPENDED });
    expect(taken).toMatchObject({ sizeBefore: size, contiguous: true, size: size + APPENDED });
    const verification = {
      log: urlOf(home),
      policy: { verifiers: [parseVkey(log.vkey)] },
      access: { userAgentVersion: "test" },
      targetOptions: { spanner: home.database },
      workers: 1,
    };
    expect(await verifyLog(verification)).toMatchObject({ faults: 0, pruned: { absentEntries: 65_792 } });
    expect(await verifyLog({ ...verification, minIndex: 0, repairFrom: dir })).toMatchObject({ faults: 0 });
    expect(await fsck({ ...home, vkey: log.vkey })).toMatchObject({ ok: true, size: size + APPENDED });
  });

  it.concurrent("from one bucket to another", async () => {
    const from = await emulators().newHome("source");
    const log = await makeLog({ ...from, ...identity, size: 3000 });
    const home = await emulators().newHome("target");
    const report = await copyTo(home, urlOf(from), log);
    expect(report).toMatchObject({ outcome: "handed-over", size: 3000, rootHash: log.rootHash });
    const [before, after] = [await emulators().objectsOf(from), await emulators().objectsOf(home)];
    for (const [path, { bytes, contentType, cacheControl }] of after) {
      if (!path.startsWith("tile/")) continue;
      expect(before.get(path), path).toMatchObject({ bytes, contentType, cacheControl });
    }
    await expectTakenOver(home, log, identity);
  });

  it("from a bucket to a directory", async () => {
    const from = await emulators().newHome("source");
    const log = await makeLog({ ...from, ...identity, size: 3000 });
    const before = await emulators().objectsOf(from);
    const dir = join(memoryDirectory(), "target");
    const known = { vkey: log.vkey, format: "tiles" as const };
    const report = await migrate(migrationOptions(known, urlOf(from), dir, { workers: 2 }));
    expect(report).toMatchObject({ outcome: "handed-over", size: 3000, rootHash: log.rootHash });
    expect(await emulators().objectsOf(from)).toEqual(before);
    await expectTakenOver({ dir }, log, identity);
  });

  it("of a Static CT log", async () => {
    const dir = join(memoryDirectory(), "source");
    const log = await makeCtLog({ dir, ...ctIdentity, size: 700 });
    const server = await startLogServer(readLog(dir), { gzip: true });
    const home = await emulators().newHome();
    const report = await copyTo(home, server.url, log, { format: "static-ct" });
    expect(report).toMatchObject({ outcome: "handed-over", size: 700, rootHash: log.rootHash });
    const objects = await emulators().objectsOf(home);
    const issuers = [...readLog(dir)].filter(([path]) => path.startsWith("issuer/"));
    expect(issuers.length).toBeGreaterThan(0);
    for (const [path, bytes] of issuers) {
      expect(objects.get(path)).toMatchObject({ bytes, contentType: "application/pkix-cert" });
    }
    await expectTakenOver(home, log, ctIdentity, true);
  });
});

describeWithGo("while a copy is unfinished", () => {
  it("Tessera's Appender refuses to start, and the copy goes on all the same", async () => {
    const dir = join(memoryDirectory(), "source");
    const log = await makeLog({ dir, ...identity, size: 1000 });
    const home = await emulators().newHome();
    expect(await copyTo(home, dir, log, { handOver: false })).toMatchObject({
      outcome: "ready-for-handover",
    });
    await expect(takeOver({ ...home, ...identity })).rejects.toThrow("compatibilityVersion (0)");
    // It has left rows of zeroes all the same.
    expect(await copyTo(home, dir, log)).toMatchObject({ outcome: "handed-over", resumedEntries: 1000 });
    expect(await copyTo(home, dir, log)).toMatchObject({ outcome: "already-handed-over" });
    await expectTakenOver(home, log, identity);
    expect(await copyTo(home, dir, log)).toMatchObject({ outcome: "taken-over" });
  });
});
