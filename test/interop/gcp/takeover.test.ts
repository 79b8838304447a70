/** Copies into Google's cloud, emulated, and what the real Tessera makes of them. */

import { join } from "node:path";
import { expect, it } from "vitest";
import { parseVkey, verifyLog } from "../../../lib/index.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { copyTo, expectAppends } from "../../support/go/home-takeover.ts";
import { stateOf, urlOf } from "../../support/go/homes.ts";
import { readLog } from "../../support/go/log-files.ts";
import { fsck, makeCtLog, makeLog, takeOver } from "../../support/go/tessera.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { prunedObjects } from "../../support/logs/pruned-log.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const emulators = useGcpEmulators();
const identity = { origin: "log.example/gcp", key: "the log's key" };
const ctIdentity = { origin: "ct.log.example/2026h1", key: "the log's key" };
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
    await expectAppends(home, log, identity);
  });

  it("of a pruned log, which is filled in under it", async () => {
    const [size, minIndex] = [66_000, 65_900];
    const dir = join(memoryDirectory(), "source");
    const log = await makeLog({ dir, ...identity, size });
    const left = prunedObjects({ objects: readLog(dir) }, minIndex);
    const home = await emulators().newHome("log");
    const report = await copyTo(home, (await startLogServer(left)).url, log, { minIndex });
    expect(report).toMatchObject({ outcome: "handed-over", pruned: { absentEntries: 65_792 } });
    const taken = await takeOver({ ...home, ...identity, add: 300 });
    expect(taken).toMatchObject({ sizeBefore: size, contiguous: true, size: size + 300 });
    const verification = {
      log: urlOf(home),
      policy: { verifiers: [parseVkey(log.vkey)] },
      access: { userAgentVersion: "test" },
      targetOptions: stateOf(home),
      workers: 1,
    };
    expect(await verifyLog(verification)).toMatchObject({ faults: 0, pruned: { absentEntries: 65_792 } });
    expect(await verifyLog({ ...verification, minIndex: 0, repairFrom: dir })).toMatchObject({ faults: 0 });
    expect(await fsck({ ...home, vkey: log.vkey })).toMatchObject({ ok: true, size: size + 300 });
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
    await expectAppends(home, log, identity);
  });

  it("from a bucket to a directory", async () => {
    const from = await emulators().newHome("source");
    const log = await makeLog({ ...from, ...identity, size: 3000 });
    const before = await emulators().objectsOf(from);
    const dir = join(memoryDirectory(), "target");
    const report = await copyTo({ dir }, urlOf(from), log);
    expect(report).toMatchObject({ outcome: "handed-over", size: 3000, rootHash: log.rootHash });
    expect(await emulators().objectsOf(from)).toEqual(before);
    await expectAppends({ dir }, log, identity);
  });

  it("of a Static CT log", async () => {
    const dir = join(memoryDirectory(), "source");
    const log = await makeCtLog({ dir, ...ctIdentity, size: 700 });
    const server = await startLogServer(readLog(dir), { gzip: true });
    const home = await emulators().newHome();
    const report = await copyTo(home, server.url, { ...log, format: "static-ct" });
    expect(report).toMatchObject({ outcome: "handed-over", size: 700, rootHash: log.rootHash });
    const objects = await emulators().objectsOf(home);
    const issuers = [...readLog(dir)].filter(([path]) => path.startsWith("issuer/"));
    expect(issuers.length).toBeGreaterThan(0);
    for (const [path, bytes] of issuers) {
      expect(objects.get(path)).toMatchObject({ bytes, contentType: "application/pkix-cert" });
    }
    await expectAppends(home, log, ctIdentity, true);
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
    await expectAppends(home, log, identity);
    expect(await copyTo(home, dir, log)).toMatchObject({ outcome: "taken-over" });
  });
});
