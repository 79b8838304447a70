/** A seal is written when the last of its 256 bundles is durable, and believed only if it is the tree's. */

import { expect, test } from "vitest";
import type { WorkUnit } from "../../../../lib/migrate/ports/executor.ts";
import type { Counters } from "../../../../lib/migrate/report/counters.ts";
import { Progress } from "../../../../lib/migrate/report/progress.ts";
import { Seals } from "../../../../lib/migrate/target/seals.ts";
import { flippedBit } from "../../../support/http/tampering.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { MemoryWriter, memoryTree } from "../../../support/logs/in-memory-log.ts";

const log = testLog({ size: 2 * 65_536 + 300, entrySize: 8 });
const SEAL = log.object("tile/1/001");

async function newSeals(): Promise<{ seals: Seals; writer: MemoryWriter; counters: Counters }> {
  const writer = new MemoryWriter();
  const progress = new Progress();
  return { seals: new Seals(await memoryTree(log), writer, progress), writer, counters: progress.own };
}

function unit(firstBundle: number, bundles: number): WorkUnit {
  return { kind: "run", firstBundle, hashes: Array.from({ length: bundles }, () => "") };
}

test("the seal follows the last bundle below it, in whatever order they come, and not before", async () => {
  const { seals, writer } = await newSeals();
  seals.open(1, SEAL);
  for (const first of [480, 256, 448, 288, 416, 320, 384]) seals.finished(unit(first, 32));
  await seals.settled();
  expect([...writer.objects]).toEqual([]);
  seals.finished(unit(352, 31));
  await seals.settled();
  expect([...writer.objects]).toEqual([]);
  seals.finished(unit(383, 1));
  await seals.settled();
  expect([...writer.objects.keys()]).toEqual(["tile/1/001"]);
  expect(Buffer.from(writer.objects.get("tile/1/001") ?? "")).toEqual(SEAL);
});

test("bundles below a partial level-1 tile, and the right edge, bring no seal", async () => {
  const { seals, writer } = await newSeals();
  seals.finished(unit(512, 1));
  seals.finished({ kind: "edge", bundle: { index: 513, width: 44 }, leafHashes: "" });
  await seals.settled();
  expect(writer.objects.size).toBe(0);
});

test("more bundles than a seal covers are a fault of our own, reported at once", async () => {
  const { seals } = await newSeals();
  seals.open(1, SEAL);
  seals.finished(unit(256, 200));
  expect(() => seals.finished(unit(456, 57))).toThrow(/more than 256 bundles/);
});

test("a seal that cannot be written fails the copy, at the next unit or at the end", async () => {
  const { seals, writer } = await newSeals();
  writer.failure = new Error("no space");
  seals.open(1, SEAL);
  seals.finished(unit(256, 256));
  await expect(seals.settled()).rejects.toThrow("no space");
  expect(() => seals.finished(unit(512, 1))).toThrow("no space");
});

test("the seal of the tree is believed once it is made durable, and its entries count as copied before", async () => {
  const { seals, writer, counters } = await newSeals();
  expect(await seals.isSealed(1)).toBe(false);
  writer.objects.set("tile/1/001", SEAL);
  expect(await seals.isSealed(1)).toBe(true);
  expect(writer.kept).toEqual(["tile/1/001"]);
  expect(counters.get("resumedEntries")).toBe(65_536);
  expect(counters.get("replacedObjects")).toBe(0);
});

test("of a pruned log, a level-1 tile with bundles below the minimum index is no seal, whoever wrote it", async () => {
  for (const [minIndex, sealed] of [
    [0, [true, true]],
    [255, [true, true]],
    [256, [false, true]],
    [65_536 + 255, [false, true]],
    [65_536 + 256, [false, false]],
  ] as const) {
    const writer = new MemoryWriter();
    for (const path of ["tile/1/000", "tile/1/001"]) writer.objects.set(path, log.object(path));
    const seals = new Seals(await memoryTree(log), writer, new Progress(), undefined, undefined, minIndex);
    const found = await Promise.all([0, 1].map((index) => seals.isSealed(index)));
    expect(found, `${minIndex}`).toEqual(sealed);
  }
});

test("a seal counts as an earlier run's once, and never if this run has written it", async () => {
  const { seals, writer, counters } = await newSeals();
  writer.objects.set("tile/1/001", SEAL);
  seals.open(0, log.object("tile/1/000"));
  seals.finished(unit(0, 256));
  await seals.settled();
  for (const index of [0, 1, 0, 1]) expect(await seals.isSealed(index)).toBe(true);
  expect(counters.get("sealedEntries")).toBe(65_536);
});

test("a seal that cannot be made durable is not believed", async () => {
  const { seals, writer, counters } = await newSeals();
  writer.objects.set("tile/1/001", SEAL);
  writer.failure = new Error("i/o error");
  await expect(seals.isSealed(1)).rejects.toThrow("i/o error");
  expect(counters.get("resumedEntries")).toBe(0);
});

test("any other bytes in its place seal nothing, and count as debris", async () => {
  const others = [flippedBit(SEAL, 8_000), SEAL.subarray(0, -32), log.object("tile/1/000"), Buffer.alloc(0)];
  for (const other of others) {
    const { seals, writer, counters } = await newSeals();
    writer.objects.set("tile/1/001", other);
    expect(await seals.isSealed(1)).toBe(false);
    expect(counters.get("replacedObjects")).toBe(1);
    expect(writer.kept).toEqual([]);
  }
});
