/** The plan of a copy: every bundle once, below the right tile, with the hash that it must have. */

import { expect, test } from "vitest";
import { VerificationError } from "../../../../lib/errors.ts";
import type { WorkUnit } from "../../../../lib/migrate/ports/executor.ts";
import { openTree } from "../../../../lib/migrate/read/authentic.ts";
import { planUnits, unitBundles } from "../../../../lib/migrate/tree/units.ts";
import { fullTileCount, partialTileWidth } from "../../../../lib/tlog/layout.ts";
import { foldTile, formatHash } from "../../../../lib/tlog/merkle.ts";
import { type TestLog, testLog } from "../../../support/logs/generated-log.ts";
import { memoryContext, memoryTree } from "../../../support/logs/in-memory-log.ts";
import { prunedObjects } from "../../../support/logs/pruned-log.ts";

const largest = testLog({ size: 3 * 65_536 + 700, entrySize: 8 });

async function planned(
  log: TestLog,
  bundlesAUnit: number,
  sealed: ReadonlySet<number> = new Set(),
  done = 0,
): Promise<{ units: WorkUnit[]; opened: number[]; durable: number[] }> {
  const units: WorkUnit[] = [];
  const opened: number[] = [];
  const durable: number[] = [];
  const seals = {
    isSealed: async (index: number) => sealed.has(index),
    open(index: number, _hashes: Uint8Array, before = 0) {
      opened.push(index);
      durable.push(before);
    },
  };
  const plan = planUnits(await memoryTree(log), bundlesAUnit, seals, undefined, done);
  for await (const unit of plan) units.push(unit);
  return { units, opened, durable };
}

function expectEveryBundle(log: TestLog, units: readonly WorkUnit[], from = 0): void {
  let next = from;
  for (const unit of units) {
    if (unit.kind === "edge") {
      expect(unit.bundle).toEqual({
        index: fullTileCount(log.size, 0),
        width: partialTileWidth(log.size, 0),
      });
      const path = `tile/0/${String(unit.bundle.index).padStart(3, "0")}.p/${unit.bundle.width}`;
      expect(unit.leafHashes).toBe(formatHash(log.object(path)));
      continue;
    }
    expect(unit.firstBundle).toBe(next);
    const bundles = unit.hashes.length;
    expect(Math.floor(next / 256)).toBe(Math.floor((next + bundles - 1) / 256));
    for (let i = 0; i < bundles; i++, next++) {
      const tile = log.object(`tile/0/${String(next).padStart(3, "0")}`);
      expect(unit.hashes[i]).toBe(formatHash(foldTile(tile)));
    }
  }
  expect(next).toBe(fullTileCount(log.size, 0));
}

test("the units of any size cover every bundle once, in order, none across two level-1 tiles", async () => {
  for (const size of [0, 1, 255, 256, 257, 512, 700, 65_535, 65_536, 65_537]) {
    const log = largest.atSize(size);
    for (const bundlesAUnit of [1, 3, 32]) {
      const { units } = await planned(log, bundlesAUnit);
      expectEveryBundle(log, units);
      expect(units.reduce((sum, unit) => sum + entriesOf(unit), 0)).toBe(size);
      expect(units.filter(({ kind }) => kind === "edge")).toHaveLength(size % 256 === 0 ? 0 : 1);
    }
  }
});

test("each full level-1 tile is opened once, a sealed one not at all, nor are its bundles handed out", async () => {
  const all = await planned(largest, 32);
  expect(all.opened).toEqual([0, 1, 2]);
  expectEveryBundle(largest, all.units);
  const rest = await planned(largest, 32, new Set([0, 1]));
  expect(rest.opened).toEqual([2]);
  expectEveryBundle(largest, rest.units, 512);
});

test("what an earlier round has copied is left out, and counted below the tile that is opened", async () => {
  for (const [done, opened, durable] of [
    [65_536 + 300 * 4 + 5, [1, 2], [4, 0]],
    [2 * 65_536, [2], [0]],
    [65_536 - 1, [0, 1, 2], [255, 0, 0]],
    [largest.size - 1, [], []],
  ] as const) {
    const rest = await planned(largest, 32, new Set(), done);
    expect(rest).toMatchObject({ opened, durable });
    expectEveryBundle(largest, rest.units, Math.floor(done / 256));
  }
});

test("a unit is plain data, which JSON brings anywhere as it is", async () => {
  const { units } = await planned(largest, 32);
  expect(JSON.parse(JSON.stringify(units))).toEqual(units);
});

test("units are small enough for every worker to get several, and never more than 32 bundles", () => {
  expect(unitBundles(0, 4)).toBe(1);
  expect(unitBundles(256 * 10, 2)).toBe(2);
  expect(unitBundles(256 * 64, 2)).toBe(8);
  expect(unitBundles(2 ** 40, 8)).toBe(32);
});

test("a tile that cannot be had ends the plan when its turn comes, also where nobody asks for it", async () => {
  const objects = new Map(largest.objects);
  objects.delete("tile/1/001");
  const tree = await openTree(memoryContext(objects), largest);
  const opened: number[] = [];
  const open = (index: number) => void opened.push(index);
  const plan = planUnits(tree, 32, { isSealed: async () => false, open });
  await plan.next();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const drain = async (): Promise<void> => {
    for await (const _ of plan);
  };
  await expect(drain()).rejects.toThrow(/tile\/1\/001 .*is missing/);
  expect(opened).toEqual([0]);
});

function entriesOf(unit: WorkUnit): number {
  return unit.kind === "edge" ? unit.bundle.width : 256 * unit.hashes.length;
}

test("the units of a pruned log leave out what is below tiles that it lacks, and say how much that is", async () => {
  const objects = prunedObjects(largest, 2 * 65_536 + 300);
  const units: WorkUnit[] = [];
  const pruned: number[] = [];
  const plan = async (minIndex: number): Promise<void> => {
    const tree = await openTree(memoryContext(objects, "tiles", { minIndex }), largest);
    for await (const unit of planUnits(tree, 32, undefined, (entries) => void pruned.push(entries)))
      units.push(unit);
  };
  await plan(2 * 65_536 + 300);
  expect(pruned).toEqual([65_536, 65_536]);
  expectEveryBundle(largest, units, 512);
  // Above the minimum index nothing may be missing.
  await expect(plan(2 * 65_536 - 1)).rejects.toThrow(VerificationError);
});
