/** What a copy into Google's cloud, emulated, makes of the tables of a log, and what it refuses to find there. */

import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { OperationError, TargetRefusedError } from "../../../lib/errors.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { SpannerTables } from "../../support/go/spanner-tables.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import {
  LATER_MARKER,
  MARKER,
  openGcsTarget,
  RECORD,
  STATE as state,
} from "../../support/places/bucket-targets.ts";

const emulators = useGcpEmulators();

const open = (bucket: string, spanner?: Parameters<typeof openGcsTarget>[1]) =>
  openGcsTarget(`gs://${bucket}/log`, spanner);

/** A target that is claimed. */
async function claimed() {
  const { bucket, database } = await emulators().newHome();
  const target = await open(bucket, { database });
  await target.claim(MARKER);
  return { bucket, database, target };
}

/** What log software leaves, a trace each. */
const TRACES: Record<string, readonly [table: string, row: object, said: RegExp]> = {
  "a sequence that has begun": ["SeqCoord", { next: 1 }, /next index, 1/],
  "a sequence of no log": ["SeqCoord", { next: -1 }, /next index, -1/],
  "a sequence beyond all counting": [
    "SeqCoord",
    { next: "9007199254740993" },
    /next index, 9007199254740993/,
  ],
  "a tree": ["IntCoord", { seq: 7, rootHash: Buffer.alloc(32, 1) }, /tree state, size 7/],
  "a published checkpoint": ["PubCoord", { publishedAt: "2026-01-01T00:00:00Z", size: 0 }, /last checkpoint/],
  "entries in wait": ["Seq", { seq: 0, v: Buffer.from("an entry") }, /accepted and not integrated/],
};

/** What log software leaves that was refused. */
const ZEROES: readonly (readonly [table: string, row: object])[] = [
  ["SeqCoord", { next: 0 }],
  ["IntCoord", { seq: 0, rootHash: createHash("sha256").digest() }],
  ["PubCoord", { publishedAt: "1970-01-01T00:00:00Z", size: 0 }],
  ["GCCoord", { fromSize: 0 }],
];

describeWithGo("the tables of a database", () => {
  describe.each(Object.entries(TRACES))("with %s", (_name, [table, row, said]) => {
    it("are not claimed", async () => {
      const { bucket, database } = await emulators().newHome();
      const other = await open(await emulators().newBucket(), { database, tablePrefix: "other_" });
      await other.claim(MARKER);
      await using tables = new SpannerTables(database);
      // Tables as Tessera makes them, and nobody's claim.
      const schema = (await tables.schema()).filter((statement) => !statement.includes("TlogMigrate"));
      await tables.make(...schema.map((statement) => statement.replaceAll("other_", "")));
      for (const zeroes of ZEROES) await tables.put(...zeroes);
      const target = await open(bucket, { database });
      expect(await target.inspect()).toEqual({ kind: "empty" });
      await tables.put(table, row);
      expect(await target.inspect()).toMatchObject({ kind: "occupied", found: expect.stringMatching(said) });
      await expect(target.claim(MARKER)).rejects.toThrow(said);
      expect(await tables.row("Tessera", "id")).toBeUndefined();
    });

    it("are not handed over", async () => {
      const { target, database } = await claimed();
      await using tables = new SpannerTables(database);
      for (const zeroes of ZEROES) await tables.put(...zeroes);
      await target.replaceMarker(MARKER, LATER_MARKER);
      await tables.put(table, row);
      expect(await target.inspect()).toMatchObject({ kind: "occupied", found: expect.stringMatching(said) });
      await expect(target.replaceMarker(LATER_MARKER, MARKER)).rejects.toThrow(said);
      await expect(target.handOver(LATER_MARKER, state, RECORD)).rejects.toBeInstanceOf(TargetRefusedError);
      expect(await tables.row("Tessera", "compatibilityVersion")).toEqual({ compatibilityVersion: 0 });
      expect(await tables.row("TlogMigrate", "marker", "record")).toEqual({
        marker: LATER_MARKER,
        record: null,
      });
    });
  });

  it.each<[string, string, object]>([
    ["a next index", "SeqCoord", { next: 301 }],
    ["another tree", "IntCoord", { seq: 301, rootHash: Buffer.alloc(32, 1) }],
    ["a published checkpoint", "PubCoord", { publishedAt: "2026-01-01T00:00:00Z", size: 300 }],
    ["a clean-up", "GCCoord", { fromSize: 300 }],
    ["an entry in wait", "Seq", { seq: 300, v: Buffer.from("an entry") }],
  ])("that have %s are not taken back", async (_name, table, row) => {
    const { target, database } = await claimed();
    await target.handOver(MARKER, state, RECORD);
    await using tables = new SpannerTables(database);
    await tables.put(table, row);
    await expect(target.takeBack(MARKER, state, RECORD)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(await tables.row("Tessera", "compatibilityVersion")).toEqual({ compatibilityVersion: 1 });
  });

  it("that a refused transaction looked at are free for the next", async () => {
    const { target } = await claimed();
    await expect(target.handOver(LATER_MARKER, state, RECORD)).rejects.toBeInstanceOf(TargetRefusedError);
    const before = (await emulators().callCounts())["spanner Rollback"] ?? 0;
    await expect(target.handOver(LATER_MARKER, state, RECORD)).rejects.toBeInstanceOf(TargetRefusedError);
    expect((await emulators().callCounts())["spanner Rollback"]).toBe(before + 1);
    await target.handOver(MARKER, state, RECORD);
  });

  it("say after the handover where log software goes on", async () => {
    const { target, bucket, database } = await claimed();
    await target.handOver(MARKER, state, RECORD);
    await using tables = new SpannerTables(database);
    const rootHash = Buffer.from(state.rootHash);
    expect(await tables.row("Tessera", "compatibilityVersion")).toEqual({ compatibilityVersion: 1 });
    expect(await tables.row("SeqCoord", "next")).toEqual({ next: 300 });
    expect(await tables.row("IntCoord", "seq", "rootHash")).toEqual({ seq: 300, rootHash });
    expect(await tables.row("GCCoord", "fromSize")).toEqual({ fromSize: 256 });
    const { publishedAt, size } = (await tables.row("PubCoord", "publishedAt", "size")) ?? {};
    expect([Number(publishedAt), size]).toEqual([0, 0]);
    expect(await tables.row("TlogMigrate", "marker", "record", "place")).toEqual({
      marker: null,
      record: RECORD,
      place: `gs://${bucket}/log/`,
    });
  });

  it("have their names begin as they shall, beside another log's", async () => {
    const { target: first, database } = await claimed();
    await first.handOver(MARKER, state, RECORD);
    const place = { database, tablePrefix: "second_" };
    const second = await open(await emulators().newBucket(), place);
    expect(await second.inspect()).toEqual({ kind: "empty" });
    expect(second.treeStateName).toBe(`the table second_IntCoord of ${database}`);
    await second.claim(LATER_MARKER);
    await using tables = new SpannerTables(database);
    expect(await tables.row("second_Tessera", "compatibilityVersion")).toEqual({ compatibilityVersion: 0 });
    expect(await tables.row("second_TlogMigrate", "marker")).toEqual({ marker: LATER_MARKER });
    expect(await first.inspect()).toEqual({ kind: "handed-over", record: RECORD });
    await second.handOver(LATER_MARKER, { ...state, size: 400 }, RECORD);
    expect(await tables.row("second_SeqCoord", "next")).toEqual({ next: 400 });
    expect(await tables.row("SeqCoord", "next")).toEqual({ next: 300 });
  });

  it("are looked up when a copy begins, and not again", async () => {
    const { target, bucket } = await claimed();
    await target.replaceMarker(MARKER, LATER_MARKER);
    const lookUps = async () => (await emulators().callCounts())["spanner ExecuteStreamingSql"];
    const before = await lookUps();
    await emulators().putObject(bucket, "log/tile/1/000", "?");
    await target.remove("tile/1/000");
    await target.inspect();
    await target.handOver(LATER_MARKER, state, RECORD);
    expect(await lookUps()).toBe(before);
  });

  it("with a version that is a copy's and no marker say so", async () => {
    const { target, database } = await claimed();
    await using tables = new SpannerTables(database);
    await tables.put("TlogMigrate", { marker: null });
    expect(await target.inspect()).toMatchObject({
      kind: "occupied",
      found: expect.stringMatching(/claim without a marker/),
    });
  });
});

describeWithGo("a transaction whose outcome gets lost", () => {
  const lost = { service: "spanner", method: "Commit", code: "ABORTED", after: true, times: 1 } as const;

  it("is found to be done: claim, another marker, handover", async () => {
    const { bucket, database } = await emulators().newHome();
    const target = await open(bucket, { database });
    for (const work of [
      () => target.claim(MARKER),
      () => target.replaceMarker(MARKER, LATER_MARKER),
      () => target.handOver(LATER_MARKER, state, RECORD),
    ]) {
      await emulators().interfere(lost);
      await work();
      expect(await emulators().interferences()).toEqual([1]);
    }
    await emulators().interfere();
    const again = await open(bucket, { database });
    expect(await again.inspect()).toEqual({ kind: "handed-over", record: RECORD });
  });

  it("is another's where another has been faster", async () => {
    const { bucket, database } = await claimed();
    await expect((await open(bucket, { database })).claim(MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
  });
});

describeWithGo("a bucket", () => {
  it("is bound to no database whose tables cannot be made", async () => {
    const { bucket, database } = await emulators().newHome();
    const denied = { service: "spanner", method: "UpdateDatabaseDdl", code: "PERMISSION_DENIED" } as const;
    await emulators().interfere(denied);
    await expect((await open(bucket, { database })).claim(MARKER)).rejects.toBeInstanceOf(OperationError);
    await emulators().interfere();
    expect((await emulators().objects(bucket)).size).toBe(0);
    const another = await open(bucket, { database: emulators().newDatabase() });
    expect(await another.inspect()).toEqual({ kind: "empty" });
    await another.claim(MARKER);
  });
});

describeWithGo("a copy that slept", () => {
  const SEAL = "tile/1/000";

  it("removes no seal that another has stored anew meanwhile", async () => {
    const { target, bucket } = await claimed();
    await emulators().putObject(bucket, `log/${SEAL}`, "another tool's");
    const looked = (await emulators().objects(bucket)).get(`log/${SEAL}`)?.generation;
    const asleep = { service: "spanner", method: "StreamingRead" } as const;
    await emulators().interfere({ ...asleep, hang: true });
    const removal = target.remove(SEAL).catch((error: unknown) => error);
    await expect.poll(async () => (await emulators().interferences())[0]).toBeGreaterThan(0);
    await emulators().putObject(bucket, `log/${SEAL}`, "another copy's");
    // As Cloud Storage answers; this one does not look at the generation.
    const contains = `ifGenerationMatch=${looked}`;
    await emulators().interfere({ service: "storage", method: "DELETE", contains, status: 412 });
    expect(await removal).toBeInstanceOf(TargetRefusedError);
    expect((await emulators().objects(bucket, `log/${SEAL}`)).size).toBe(1);
    await target.remove(SEAL);
    expect((await emulators().objects(bucket, `log/${SEAL}`)).size).toBe(0);
    await emulators().interfere();
  });

  it.each([
    ["a mirror", false],
    ["a log with a database", true],
  ])("removes no seal once another has changed the marker, in %s", async (_kind, hasDatabase) => {
    const { bucket, database } = await emulators().newHome();
    const spanner = hasDatabase ? { database } : undefined;
    await (await open(bucket, spanner)).claim(MARKER);
    const [slept, other] = [await open(bucket, spanner), await open(bucket, spanner)];
    expect(await slept.inspect()).toMatchObject({ kind: "claimed" });
    await other.replaceMarker(MARKER, LATER_MARKER);
    await emulators().putObject(bucket, `log/${SEAL}`, "another copy's");
    await expect(slept.remove(SEAL)).rejects.toBeInstanceOf(TargetRefusedError);
    expect((await emulators().objects(bucket, `log/${SEAL}`)).size).toBe(1);
    await other.remove(SEAL);
    expect((await emulators().objects(bucket, `log/${SEAL}`)).size).toBe(0);
  });
});
