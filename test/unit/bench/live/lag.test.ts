import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { LagWatch, percentile } from "../../../../bench/live/lag.ts";
import { randomShares } from "../../../support/go/random-shares.ts";
import { temporaryDirectory } from "../../../support/places/directory.ts";

it("lag is the age of the oldest checkpoint that the target lacks, and 0 if it lacks none", async () => {
  const directory = temporaryDirectory();
  const publish = (size: number) => writeFileSync(join(directory, "checkpoint"), `log.example\n${size}\n`);
  let copied = 10;
  publish(10);
  const source = { directory, copied: async () => copied, said: async () => undefined };
  await using watch = new LagWatch(source);
  await expect.poll(() => [watch.published, watch.copied]).toEqual([10, 10]);
  const { seen, said } = watch.begin();
  await expect.poll(() => seen.length).toBeGreaterThan(1);
  expect(Math.max(...seen)).toBe(0);

  publish(20);
  await expect.poll(() => watch.published).toBe(20);
  await expect.poll(() => seen.at(-1)).toBeGreaterThan(0.25);
  // A newer one is no younger lack.
  publish(30);
  copied = 15;
  await expect.poll(() => watch.copied).toBe(15);
  expect(seen.at(-1)).toBeGreaterThan(0.25);
  copied = 30;
  await expect.poll(() => seen.at(-1)).toBe(0);
  expect(said).toEqual([]);
});

it("a percentile is the sample that so many are not above", () => {
  const samples = Array.from({ length: 200 }, (_, i) => 200 - i);
  expect([0.5, 0.99, 1].map((share) => percentile(samples, share))).toEqual([100, 198, 200]);
  expect(percentile([7], 0.5)).toBe(7);
  expect(() => percentile([], 0.5)).toThrow(RangeError);
});

it("moments of kills follow from a seed", () => {
  const shares = randomShares("a", 5);
  expect(shares).toEqual(randomShares("a", 5));
  expect(shares).not.toEqual(randomShares("b", 5));
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.every((share) => share >= 0 && share < 1)).toBe(true);
});
