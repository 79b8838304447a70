/** Estimates from samples: what is counted is exact, and what is not has a range. */

import { describe, expect, test } from "vitest";
import { spreadOver, standardError } from "../../../../lib/migrate/plan/bundle-samples.ts";
import { bundleBytes, hashTiles, sum, tilesRead } from "../../../../lib/migrate/plan/estimate.ts";
import { testLog } from "../../../support/logs/generated-log.ts";

const samples = (of: number, bytes: number[], absent = 0) => ({
  of,
  bytes,
  absent,
  medianMs: 1,
  processorMs: 1,
});

describe("what is sampled", () => {
  test("is all of a few, each once", () => {
    for (const count of [0, 1, 2, 7, 64]) {
      expect(spreadOver(count, 64).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: count }, (_, i) => i),
      );
    }
  });

  test("is spread evenly over many, also where it ends early", () => {
    const count = 4_000_000;
    const all = spreadOver(count, 64);
    expect(new Set(all).size).toBe(64);
    for (const taken of [4, 16, 64]) {
      const parts = all.slice(0, taken).map((index) => Math.floor((index * taken) / count));
      expect(parts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: taken }, (_, part) => part));
    }
  });
});

describe("the bytes of all bundles", () => {
  test("are exact where all were read", () => {
    expect(bundleBytes(samples(3, [10, 20, 60]))).toEqual({ likely: 90, least: 90, most: 90 });
    expect(bundleBytes(samples(0, []))).toEqual({ likely: 0, least: 0, most: 0 });
  });

  test("have a range that what was read is not below, and that grows with how much the samples differ", () => {
    const even = bundleBytes(samples(1000, [100, 101, 99, 100]));
    const uneven = bundleBytes(samples(1000, [10, 190, 100, 100]));
    expect([even.likely, uneven.likely]).toEqual([100_000, 100_000]);
    expect(even.most - even.least).toBeLessThan(2_500);
    expect(uneven.most - uneven.least).toBeGreaterThan(100_000);
    expect(bundleBytes(samples(1000, [1, 1, 1_000_000])).least).toBe(1_000_002);
  });

  test("of one sample may be anything", () => {
    expect(bundleBytes(samples(1000, [100]))).toEqual({ likely: 100_000, least: 100, most: 200_000 });
  });

  test("count what is missing as nothing", () => {
    expect(bundleBytes(samples(4, [100, 100], 2))).toEqual({ likely: 200, least: 200, most: 200 });
  });

  test("have the standard error of their mean", () => {
    expect(standardError([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(0.756, 3);
  });

  test("add up", () => {
    const one = { likely: 2, least: 1, most: 4 };
    expect(sum(one, one)).toEqual({ likely: 4, least: 2, most: 8 });
  });
});

test.each([0, 1, 255, 256, 257, 600, 65_536, 65_793])("the hash tiles of a tree of %i entries", (size) => {
  const { objects } = testLog({ size, entrySize: 8 });
  const tiles = [...objects].filter(([path]) => /^tile\/\d/.test(path));
  const bytes = tiles.reduce((total, [, tile]) => total + tile.length, 0);
  expect(hashTiles(size, 0)).toEqual({ objects: tiles.length, bytes });
  const isRead = (path: string) => !path.startsWith("tile/0/") || path.includes(".p/");
  expect(tilesRead(size, true)).toBe(tiles.length);
  expect(tilesRead(size, false)).toBe(tiles.filter(([path]) => isRead(path)).length);
});
