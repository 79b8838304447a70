import { describe, expect, test } from "vitest";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { type EntrySize, tilesEntries } from "../../logs/entries.ts";
import { generateLog, type LogOptions } from "../../logs/generate.ts";

function sizesOf(entrySize: EntrySize, indices: readonly number[]): number[] {
  const entries = tilesEntries("test", entrySize);
  const buffer = Buffer.alloc(entries.maxEntrySize);
  return indices.map((index) => entries.writeEntry(index, buffer, 0) - 2);
}

const indices = Array.from({ length: 5000 }, (_, index) => index);

describe("entries with sizes in a range", () => {
  test("they take every size from the least to the greatest", () => {
    const sizes = sizesOf({ min: 200, max: 299 }, indices);
    expect(Math.min(...sizes)).toBe(200);
    expect(Math.max(...sizes)).toBe(299);
    expect(new Set(sizes).size).toBe(100);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    expect(mean).toBeGreaterThan(247);
    expect(mean).toBeLessThan(252);
  });

  test("an entry's size follows from its index, however the others are asked for", () => {
    const range = { min: 0, max: 2000 };
    expect(sizesOf(range, indices.toReversed()).toReversed()).toEqual(sizesOf(range, indices));
  });

  test("a range of one size is that size, byte for byte", () => {
    const [one, range] = [tilesEntries("test", 100), tilesEntries("test", { min: 100, max: 100 })];
    const [a, b] = [Buffer.alloc(102), Buffer.alloc(102)];
    for (const index of [0, 1, 2 ** 33]) {
      one.writeEntry(index, a, 0);
      range.writeEntry(index, b, 0);
      expect(a.equals(b)).toBe(true);
    }
  });

  test.each([{ min: 2, max: 1 }, { min: -1, max: 1 }, { min: 1, max: 65_536 }, 0.5])("refuse %o", (size) => {
    expect(() => tilesEntries("test", size)).toThrow(RangeError);
  });
});

/** Logs that were generated before stay what they were: figures and tests refer to them. */
describe("generated logs never change", () => {
  test.each<[LogOptions, string]>([
    [{ size: 1000, entrySize: 100 }, "oe+Z/Z6Ao0SEb0jn4vVhezQ8fgBYCASrVvXK9NUYV1Y="],
    [{ size: 1000, format: "static-ct" }, "IQVQlqhO59CSLhxeG3nkln3nFqwn9zBvc3+rTyGa/yc="],
  ])("%o", (options, root) => {
    const steps = generateLog(options);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    expect(formatHash(step.value.rootHash)).toBe(root);
  });
});
