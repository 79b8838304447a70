/** What a log may prune: https://c2sp.org/tlog-tiles#pruning. */

import { expect, test } from "vitest";
import { FormatError } from "../../../lib/tlog/errors.ts";
import { indexPath } from "../../../lib/tlog/layout.ts";
import { firstKeptBundle, firstWholeRun, mayBePrunedAt, parseMinIndex } from "../../../lib/tlog/pruning.ts";

test.each([
  ["tile/entries/000", 256],
  ["tile/data/003", 1024],
  ["tile/0/000", 256],
  ["tile/0/x001/000", 256_256],
  ["tile/1/000", 65_536],
  ["tile/1/001", 131_072],
  ["tile/2/000", 16_777_216],
  ["tile/5/000", 256 ** 6],
])("%s may be missing where the minimum index is its end index %i or larger", (path, end) => {
  expect(mayBePrunedAt(path, end - 1)).toBe(false);
  expect(mayBePrunedAt(path, end)).toBe(true);
  expect(mayBePrunedAt(path, 0)).toBe(false);
});

test("partial tiles and bundles, and all else, must be there", () => {
  for (const path of ["tile/0/000.p/1", "tile/entries/000.p/255", "checkpoint", "issuer/00", "min_index"]) {
    expect(mayBePrunedAt(path, Number.MAX_SAFE_INTEGER), path).toBe(false);
  }
});

test("the first bundle that must be there is the one of the minimum index; the last if none must", () => {
  expect(firstKeptBundle(0, 0)).toBeUndefined();
  for (const [size, minIndex, index, width] of [
    [1, 0, 0, 1],
    [256, 255, 0, 256],
    [256, 256, 0, 256],
    [257, 256, 1, 1],
    [900, 511, 1, 256],
    [900, 512, 2, 256],
    [900, 900, 3, 132],
  ]) {
    expect(firstKeptBundle(size as number, minIndex as number), `${size} ${minIndex}`).toEqual({
      index,
      width,
    });
  }
});

test("the first run that must be whole is the first without a bundle that may be missing", () => {
  for (const minIndex of [0, 1, 255, 256, 257, 65_535, 65_536, 65_791, 65_792, 131_072, 200_000]) {
    const isWhole = (run: number) => !mayBePrunedAt(`tile/0/${indexPath(run * 256)}`, minIndex);
    const expected = [0, 1, 2, 3, 4].find(isWhole);
    expect(firstWholeRun(minIndex), `${minIndex}`).toBe(expected);
  }
});

test("a file's minimum index is a number in decimal digits", () => {
  for (const [text, value] of [
    ["0", 0],
    ["0\n", 0],
    ["123\n", 123],
    ["9007199254740991", 2 ** 53 - 1],
  ] as const) {
    expect(parseMinIndex(Buffer.from(text))).toBe(value);
  }
  for (const text of [
    "",
    "\n",
    "-1",
    "+1",
    "01",
    "1.0",
    "1e3",
    " 1",
    "1 ",
    "1\n\n",
    "1\r\n",
    "9007199254740992",
    "x",
  ]) {
    expect(() => parseMinIndex(Buffer.from(text)), text).toThrow(FormatError);
  }
});
