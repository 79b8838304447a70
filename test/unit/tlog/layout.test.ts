import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bundlePath,
  fullTileCount,
  levelCount,
  levelHashCount,
  parseResourcePath,
  partialTile,
  rightEdge,
  tilePath,
} from "../../../lib/tlog/layout.ts";

// Paths of github.com/transparency-dev/tessera api/layout, paths_test.go and example_test.go.
const TILE_PATHS = [
  [0, 0, 256, "tile/0/000"],
  [0, 0, 255, "tile/0/000.p/255"],
  [1, 0, 256, "tile/1/000"],
  [15, 455667, 256, "tile/15/x455/667"],
  [15, 123456789, 41, "tile/15/x123/x456/789.p/41"],
  [0, 1234067, 8, "tile/0/x001/x234/067.p/8"],
  [0, 1234067, 89, "tile/0/x001/x234/067.p/89"],
  [0, 1, 256, "tile/0/001"],
] as const;
const ENTRIES_PATHS = [
  [0, 256, "tile/entries/000"],
  [0, 8, "tile/entries/000.p/8"],
  [255, 256, "tile/entries/255"],
  [255, 253, "tile/entries/255.p/253"],
  [1234067, 8, "tile/entries/x001/x234/067.p/8"],
  [123456789, 256, "tile/entries/x123/x456/789"],
] as const;
const REFUSED_BY_TESSERA = [
  "tile/0/x001/x234/067.p/",
  "tile/0/x001/x234/067.p",
  "tile/0/x001/x234/",
  "tile/0/x001/x234",
  "tile/0/x001/",
  "tile/0/x001",
  "tile/1/x001/.p/abc",
  "tile/64/x001/002",
  "tile/-1/x001/002",
  "tile/abc/x001/002",
  "tile/8/001/002",
  "tile/8/x001/0002",
  "tile/8/x001/-002",
  "tile/8/x001/002.p/256",
  "tile/63/x999/x999/x999/x999/x999/x999/999.p/255",
];
const OTHER_SPELLINGS = [
  "tile/0/x000/001",
  "tile/0/x000/000",
  "tile/00/001",
  "tile/01/001",
  "tile/0/001.p/0",
  "tile/0/001.p/08",
  "tile/0/001.p/999",
  "tile/0/001.p/8/",
  "tile/0/01",
  "tile/0/X001/002",
  "tile/0/001\n",
  "/tile/0/001",
  "tile//0/001",
  "tile/0/001.gz",
  "tile/Entries/001",
  "tile/names/001",
  "tile/٠/001",
  "tile/entries/x001/x234/0 7",
  "checkpoint",
  "",
];

const index = fc.oneof(fc.nat({ max: 2000 }), fc.maxSafeNat());
const width = fc.integer({ min: 1, max: 256 });
const size = fc.oneof(
  fc.nat({ max: 200_000 }),
  fc.maxSafeNat(),
  fc
    .tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 31 }), fc.integer({ min: -2, max: 2 }))
    .map(([level, times, change]) => Math.max(0, times * 256 ** level + change)),
);

describe("paths", () => {
  it.each(TILE_PATHS)("writes tile %i %i of width %i as Tessera does: %s", (level, at, wide, path) => {
    expect(tilePath({ level, index: at, width: wide })).toBe(path);
    expect(parseResourcePath(path)).toEqual({ kind: "tile", tile: { level, index: at, width: wide } });
  });

  it.each(ENTRIES_PATHS)("writes entry bundle %i of width %i as Tessera does: %s", (at, wide, path) => {
    expect(bundlePath("tiles", { index: at, width: wide })).toBe(path);
    expect(parseResourcePath(path)).toEqual({
      kind: "bundle",
      format: "tiles",
      bundle: { index: at, width: wide },
    });
  });

  it("writes Static CT data tiles below tile/data", () => {
    expect(bundlePath("static-ct", { index: 1234067, width: 8 })).toBe("tile/data/x001/x234/067.p/8");
  });

  it("reads back the path of any tile", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 63 }), index, width, (level, at, wide) => {
        const tile = { level, index: at, width: wide };
        expect(parseResourcePath(tilePath(tile))).toEqual({ kind: "tile", tile });
      }),
    );
  });

  it("reads back the path of any bundle", () => {
    fc.assert(
      fc.property(fc.constantFrom("tiles", "static-ct"), index, width, (format, at, wide) => {
        const bundle = { index: at, width: wide };
        expect(parseResourcePath(bundlePath(format, bundle))).toEqual({ kind: "bundle", format, bundle });
      }),
    );
  });

  it.each(REFUSED_BY_TESSERA)("refuses what Tessera refuses: %j", (path) => {
    expect(parseResourcePath(path)).toBeUndefined();
  });

  it.each(OTHER_SPELLINGS)("refuses every spelling but the canonical one: %j", (path) => {
    expect(parseResourcePath(path)).toBeUndefined();
  });

  it("reads no path that it would write differently, however a good one is changed", () => {
    const path = fc.tuple(fc.integer({ min: 0, max: 63 }), index, width);
    const change = fc.tuple(
      fc.nat({ max: 40 }),
      fc.nat({ max: 2 }),
      fc.constantFrom("", "0", "x", "/", ".p/", "1"),
    );
    fc.assert(
      fc.property(path, change, ([level, at, wide], [position, removed, inserted]) => {
        const good = tilePath({ level, index: at, width: wide });
        const changed = good.slice(0, position) + inserted + good.slice(position + removed);
        const read = parseResourcePath(changed);
        if (read !== undefined) {
          expect(read.kind === "tile" ? tilePath(read.tile) : bundlePath(read.format, read.bundle)).toBe(
            changed,
          );
        }
      }),
    );
  });

  it("refuses an index that a number cannot hold", () => {
    expect(parseResourcePath("tile/0/x009/x007/x199/x254/x740/991")).toMatchObject({ kind: "tile" });
    expect(parseResourcePath("tile/0/x009/x007/x199/x254/x740/992")).toBeUndefined();
  });
});

describe("widths", () => {
  it.each([
    [0, [], 0],
    [1, ["tile/0/000.p/1"], 1],
    [255, ["tile/0/000.p/255"], 1],
    [256, ["tile/1/000.p/1"], 2],
    [257, ["tile/0/001.p/1", "tile/1/000.p/1"], 2],
    [65_535, ["tile/0/255.p/255", "tile/1/000.p/255"], 2],
    [65_536, ["tile/2/000.p/1"], 3],
    [70_000, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"], 3],
    [2 ** 24, ["tile/3/000.p/1"], 4],
  ])("the right edge of %i entries is %j", (entries, paths, levels) => {
    expect(rightEdge(entries).map(tilePath)).toEqual(paths);
    expect(levelCount(entries)).toBe(levels);
  });

  it("a tree of any size that can be counted has at most 7 levels", () => {
    expect(levelCount(Number.MAX_SAFE_INTEGER)).toBe(7);
  });

  it("hash counts are exact up to 2^53 - 1", () => {
    fc.assert(
      fc.property(size, fc.integer({ min: 0, max: 7 }), (entries, level) => {
        expect(levelHashCount(entries, level)).toBe(Number(BigInt(entries) >> BigInt(8 * level)));
      }),
    );
  });

  it("the tiles of a level hold each of its hashes once", () => {
    fc.assert(
      fc.property(size, fc.integer({ min: 0, max: 6 }), (entries, level) => {
        const partial = partialTile(entries, level);
        const hashes = 256 * fullTileCount(entries, level) + (partial?.width ?? 0);
        expect(hashes).toBe(levelHashCount(entries, level));
      }),
    );
  });
});
