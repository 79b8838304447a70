import { expect, it } from "vitest";
import { describeWithGo } from "../support/go/describe-with-go.ts";
import { GcpEmulators } from "../support/go/gcp-emulators.ts";
import type { GcpBucket } from "../support/go/homes.ts";
import { testGoPackages } from "../support/go/programs.ts";
import {
  fsck,
  type LogReport,
  makeCtLog,
  makeLog,
  openAsMigrationTarget,
  startLive,
  takeOver,
  tesseraMigrateGcp,
} from "../support/go/tessera.ts";
import { useGcpEmulators } from "../support/go/use-gcp-emulators.ts";
import { memoryDirectory } from "../support/places/directory.ts";

const emulators = useGcpEmulators();
const identity = { origin: "log.example/gcp", key: "kit" };
const ctIdentity = { origin: "ct.log.example/2026h1", key: "kit" };

describeWithGo("gcpkit", () => {
  it.concurrent.each([
    [0, undefined],
    [1, "below/a/prefix"],
    [257, "logs/one"],
    [3000, undefined],
  ])("makes a log of %i entries below prefix %s that its Appender takes over again", async (size, prefix) => {
    const home = await emulators().newHome(prefix);
    const log = await makeLog({ ...home, ...identity, size });
    expect(log).toMatchObject({ origin: identity.origin, size });
    await expectFsckPasses(home, log);

    const after = await takeOver({ ...home, ...identity, key: "new owner", add: 300 });
    const last = size + 300 - 1;
    expect(after).toMatchObject({
      sizeBefore: size,
      indices: [size, last],
      contiguous: true,
      size: last + 1,
    });
    expect((await emulators().objectsOf(home)).get("checkpoint")?.bytes.toString()).toBe(after.checkpoint);
    await expectFsckPasses(home, after);
  });

  it.concurrent("stores objects as Tessera does on Google's cloud", async () => {
    const home = await emulators().newHome();
    await makeLog({ ...home, ...identity, size: 257 });
    const objects = await emulators().objectsOf(home);
    const immutable = {
      contentType: "application/octet-stream",
      cacheControl: "max-age=604800,immutable",
    };
    expect([...objects.keys()].sort()).toEqual([
      "checkpoint",
      "tile/0/000",
      "tile/0/001.p/1",
      "tile/1/000.p/1",
      "tile/entries/000",
      "tile/entries/001.p/1",
    ]);
    for (const path of ["tile/0/000", "tile/entries/001.p/1"])
      expect(objects.get(path)).toMatchObject(immutable);
    expect(objects.get("checkpoint")).toMatchObject({
      contentType: "text/plain; charset=utf-8",
      cacheControl: "no-cache",
    });
  });

  it("makes the same log from the same seed as on a disk", async () => {
    const home = await emulators().newHome();
    const log = await makeLog({ ...home, ...identity, size: 257, seed: "s" });
    const onDisk = await makeLog({ dir: memoryDirectory(), ...identity, size: 257, seed: "s" });
    expect(log.rootHash).toBe(onDisk.rootHash);
  });

  it.concurrent("makes a Static CT log that fsck accepts and an Appender continues", async () => {
    const home = await emulators().newHome("2026h1");
    const log = await makeCtLog({ ...home, ...ctIdentity, size: 257 });
    const paths = [...(await emulators().objectsOf(home)).keys()];
    expect(paths.filter((path) => path.startsWith("issuer/"))).toHaveLength(5);
    const after = await takeOver({ ...home, ...ctIdentity, ct: true, add: 300 });
    expect(after).toMatchObject({ sizeBefore: 257, contiguous: true, size: 557, vkey: log.vkey });
    expect(await fsck({ ...home, vkey: log.vkey, ct: true })).toMatchObject({ size: 557 });
  });

  it.concurrent("keeps a log growing until it is stopped, and covers every entry", async () => {
    const home = await emulators().newHome();
    await makeLog({ ...home, ...identity, size: 257 });
    await using live = await startLive({ ...home, ...identity, entriesPerSecond: 500, maxEntries: 1000 });
    const report = await live.stop();
    expect(report.size).toBeGreaterThanOrEqual(257);
    await expectFsckPasses(home, report);
  });

  it.concurrent("finds a flipped byte in a bundle", async () => {
    const home = await emulators().newHome();
    const log = await makeLog({ ...home, ...identity, size: 1000 });
    const bundle = (await emulators().objectsOf(home)).get("tile/entries/001")?.bytes as Buffer;
    bundle.writeUInt8(bundle.readUInt8(bundle.length - 1) ^ 1, bundle.length - 1);
    await emulators().putObject(home.bucket, "tile/entries/001", bundle);
    await expect(fsck({ ...home, vkey: log.vkey })).rejects.toThrow(/fsck: failed/);
  });

  it.concurrent("says that an instance or a database is missing", async () => {
    const home = await emulators().newHome();
    const database = `${emulators().instance}/databases/missing`;
    await expect(openAsMigrationTarget({ ...home, database })).rejects.toThrow("Database not found");
    const elsewhere = home.database.replace("instances/", "instances/no-");
    await expect(takeOver({ ...home, ...identity, database: elsewhere })).rejects.toThrow(
      "Instance not found",
    );
  });
});

/**
 * What Tessera's own migration to Google's cloud leaves behind. It moves IntCoord alone, and SeqCoord.next stays 0: the
 * next Appender believes that the log has N entries and that index 0 is free. These tests fail once that is mended.
 */
describeWithGo("after Tessera's own migration to Google's cloud, v1.0.4, its Appender", () => {
  it.concurrent.each([100, 1000])("panics at its start on %i entries without a checkpoint", async (size) => {
    const copy = await migratedByTessera(size);
    await expect(takeOver({ ...copy, ...identity })).rejects.toThrow("panic: runtime error: makeslice");
  });

  it.concurrent("panics when it first integrates, where the checkpoint came along", async () => {
    const copy = await migratedByTessera(1000, { checkpoint: true });
    await expect(takeOver({ ...copy, ...identity })).rejects.toThrow(
      /panic: .*makeslice[\s\S]*integrateEntriesJob/,
    );
  });

  it.concurrent("hands out index 0 again, and integrates nothing, where it is given more entries than there were", async () => {
    const copy = await migratedByTessera(100, { checkpoint: true });
    const failure = await takeOver({ ...copy, ...identity, add: 300, timeoutMs: 5000 }).catch(String);
    expect(failure).toContain("no checkpoint covers 400 entries, and the indices given out are 0 to 299");
    expect(failure).toContain("integrity fail - expected seq 100, but found ");
    const checkpoint = (await emulators().objectsOf(copy)).get("checkpoint")?.bytes.toString();
    expect(checkpoint?.split("\n")[1]).toBe("100");
  });
});

describeWithGo("the emulators of Google's cloud", () => {
  it("pass their own tests", async () => {
    await testGoPackages("./internal/...");
  });

  it("start, say where they are, and end when told, with the number of calls", async () => {
    await using own = await GcpEmulators.start();
    await makeLog({ ...(await own.newHome()), ...identity, size: 1 });
    const counts = await own.stop();
    expect(counts).toMatchObject({
      "storage POST": expect.any(Number),
      "spanner Commit": expect.any(Number),
    });
    await expect(fetch(own.storageUrl)).rejects.toThrow("fetch failed");
  });

  it("fail calls as they are told, and Tessera tries again", async () => {
    await using own = await GcpEmulators.start();
    await own.interfere(
      { service: "storage", method: "POST", contains: "tile/entries", status: 503, times: 2 },
      { service: "spanner", method: "Commit", contains: 'table:"Seq"', code: "ABORTED", times: 3 },
    );
    const home = await own.newHome();
    const log = await makeLog({ ...home, ...identity, size: 600 });
    expect(await own.interferences()).toEqual([2, 3]);
    expect(await fsck({ ...home, vkey: log.vkey })).toMatchObject({ size: 600 });
  });

  it("hold a call up until they are told otherwise", async () => {
    await using own = await GcpEmulators.start();
    const home = await own.newHome();
    await own.interfere({
      service: "spanner",
      method: "Commit",
      contains: 'table:"IntCoord"',
      skip: 1,
      hang: true,
    });
    const making = makeLog({ ...home, ...identity, size: 600 });
    await expect.poll(() => own.interferences(), { timeout: 30_000 }).toEqual([1]);
    const objects = await own.objects(home.bucket);
    expect(objects.has("tile/entries/001")).toBe(true);
    expect(objects.has("checkpoint")).toBe(false);
    await own.interfere();
    expect(await making).toMatchObject({ size: 600 });
  });
});

/** Tessera's fsck accepts the log, as the bucket's owner reads it and as the public does. */
async function expectFsckPasses(home: GcpBucket, { origin, size, rootHash, vkey }: LogReport): Promise<void> {
  const report = { ok: true, origin, size, rootHash };
  expect(await fsck({ ...home, vkey })).toEqual(report);
  expect(await fsck({ url: publicUrl(home), vkey })).toEqual(report);
}

function publicUrl({ bucket, prefix = "" }: GcpBucket): string {
  return [emulators().storageUrl, bucket, ...prefix.split("/")].filter((part) => part !== "").join("/");
}

/** A copy of a log by Tessera's own tool, which leaves its checkpoint behind unless told. */
async function migratedByTessera(size: number, { checkpoint = false } = {}): Promise<GcpBucket> {
  const [source, copy] = [await emulators().newHome(), await emulators().newHome()];
  const log = await makeLog({ ...source, ...identity, size });
  await tesseraMigrateGcp({ ...copy, sourceUrl: publicUrl(source) });
  if (checkpoint) await emulators().putObject(copy.bucket, "checkpoint", log.checkpoint);
  return copy;
}
