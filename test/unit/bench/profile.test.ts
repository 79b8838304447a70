import { describe, expect, it } from "vitest";
import { describeShape, shapeId, sourceBytes, targetBytes } from "../../../bench/logs/shapes.ts";
import { profileFor } from "../../../bench/profile.ts";

describe("the profile of a run", () => {
  it("has each kind of log, in sizes for a full run or for a quick look", () => {
    const [full, quick] = [profileFor({ quick: false }), profileFor({ quick: true })];
    expect(full.peers.map(shapeId)).toEqual(["1000B", "100B", "static-ct"]);
    expect(quick.peers.map(shapeId)).toEqual(full.peers.map(shapeId));
    expect(full.rounds).toBeGreaterThanOrEqual(3);
    for (const [index, { entries }] of quick.peers.entries()) {
      expect(entries).toBeLessThan(full.peers[index]?.entries ?? 0);
    }
  });

  it("takes another number of entries and rounds for all logs", () => {
    const profile = profileFor({ quick: false, entries: 1000, rounds: 5 });
    const shapes = [...profile.peers, profile.disk, profile.distance.log, profile.stages];
    expect(shapes.map(({ entries }) => entries)).toEqual(shapes.map(() => 1000));
    expect(profile.scale.entries.at(-1)).toBe(1000);
    expect(profile.rounds).toBe(5);
  });

  it("has one kind of log when its format or the size of its entries is chosen", () => {
    expect(profileFor({ quick: false, entrySize: "100-2000" }).peers.map(shapeId)).toEqual(["100-2000B"]);
    const staticCt = profileFor({ quick: false, format: "static-ct" });
    expect(staticCt.peers.map(shapeId)).toEqual(["static-ct"]);
    expect(staticCt.peers[0]?.entries).toBe(profileFor({ quick: false }).peers[2]?.entries);
    expect(shapeId(staticCt.disk)).toBe("static-ct");
  });
});

describe("the extent of a run", () => {
  it.each([
    [{ quick: false }, { kind: "full" }],
    [{ quick: false, rounds: 5 }, { kind: "full" }],
    [
      { quick: false, rounds: 2 },
      { kind: "reduced", options: "--rounds 2" },
    ],
    [
      { quick: false, entries: 3000, entrySize: "50" },
      { kind: "reduced", options: "--entries 3000 --entry-size 50" },
    ],
    [
      { quick: false, format: "static-ct" },
      { kind: "reduced", options: "--format static-ct" },
    ],
    [
      { quick: true, rounds: 5 },
      { kind: "quick", options: "--quick" },
    ],
  ] as const)("of %j is %j", (choice, extent) => {
    expect(profileFor(choice).extent).toEqual(extent);
  });
});

describe("a shape", () => {
  it.each([
    [{ format: "tiles", entries: 4_000_000, entrySize: "1000" }, "4,000,000 entries of 1,000 B"],
    [{ format: "tiles", entries: 20, entrySize: "100-2000" }, "20 entries of 100 to 2,000 B"],
    [{ format: "static-ct", entries: 10, entrySize: "" }, "10 Static CT entries, served with gzip"],
  ] as const)("%j is told as %s", (shape, words) => {
    expect(describeShape(shape)).toBe(words);
  });

  it("takes up whole pages: what a generated log of this shape took up", () => {
    const shape = { format: "tiles", entries: 500_000, entrySize: "1000" } as const;
    // 517,062,920 bytes in 3,918 files, each on pages of 4 KiB.
    expect(sourceBytes(shape)).toBeGreaterThan(517e6);
    expect(sourceBytes(shape)).toBeLessThan(517e6 * 1.03);
    expect(targetBytes({ format: "static-ct", entries: 100_000, entrySize: "" })).toBeGreaterThan(125e6);
  });
});
