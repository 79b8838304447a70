import { describe, expect, it } from "vitest";
import {
  describeShape,
  shapeId,
  sourceBytes,
  staticCt,
  targetBytes,
  tiles,
} from "../../../bench/logs/shapes.ts";
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
    const { peers, tls, disk, distance, scale, scaleOut, gcs, s3 } = profile;
    const near = [...peers, tls, disk, ...scale.stored, ...scale.endless, scaleOut.near];
    const shapes = [...near, distance.log, scaleOut.far, gcs.log, s3.log];
    expect(shapes.map(({ entries }) => entries)).toEqual(shapes.map(() => 1000));
    expect(profile.rounds).toBe(5);
  });

  it("has at least one full level-1 tile to divide", () => {
    expect(profileFor({ quick: false, entries: 1000 }).scaleOut.dividedEntries).toBe(65_536);
    expect(profileFor({ quick: false }).scaleOut.dividedEntries).toBe(1e10);
  });

  it.each([
    [{ quick: false }, ""],
    [{ quick: false, rounds: 5 }, ""],
    [{ quick: false, rounds: 2 }, "--rounds 2"],
    [{ quick: false, entries: 3000 }, "--entries 3000"],
    [{ quick: true, rounds: 5 }, "--quick"],
  ])("of %j is no ground for claims because of %j", (choice, options) => {
    expect(profileFor(choice).reducedBy).toBe(options);
  });
});

describe("a shape", () => {
  it.each([
    [tiles(4_000_000, 1000), "4,000,000 entries of 1,000 B"],
    [staticCt(10), "10 Static CT entries, served with gzip"],
  ] as const)("%j is described as %s", (shape, words) => {
    expect(describeShape(shape)).toBe(words);
  });

  it("takes up a little more than what a generated log of this shape took up", () => {
    // 517,062,920 bytes in 3,918 files, each on pages of 4 KiB.
    expect(sourceBytes(tiles(500_000, 1000))).toBeGreaterThan(517e6 + 3918 * 2048);
    expect(sourceBytes(tiles(500_000, 1000))).toBeLessThan(517e6 * 1.15);
    expect(targetBytes(staticCt(100_000))).toBeGreaterThan(125e6);
  });
});
