import { expect, test } from "vitest";
import { ratesOf, spread } from "../../../../cmd/page/client/rates.ts";
import type { Sample } from "../../../../cmd/page/document.ts";

test("rates are what was added, over the last seconds", () => {
  const samples = Array.from(
    { length: 20 },
    (_, second): Sample => [
      second * 1000,
      // A unit of work each two seconds.
      Math.floor(second / 2) * 200,
      second * 5_000,
      second % 3,
    ],
  );
  const { times, entries, bytes, lag } = ratesOf(samples);
  expect(times).toEqual(samples.slice(1).map(([at]) => at / 1000));
  expect(bytes).toEqual(Array(19).fill(5_000));
  expect(entries.slice(4)).toEqual(Array(15).fill(100));
  expect(lag).toEqual(samples.slice(1).map(([, , , seconds]) => seconds));
});

test("samples that are far apart give the rate between them", () => {
  const { entries } = ratesOf([
    [0, 0, 0, 0],
    [60_000, 600, 0, 0],
    [120_000, 600, 0, 0],
  ]);
  expect(entries).toEqual([10, 0]);
});

test("a clock that was set back gives no rate", () => {
  const { times } = ratesOf([
    [10_000, 0, 0, 0],
    [9_000, 10, 0, 0],
    [11_000, 20, 0, 0],
  ]);
  expect(times).toEqual([11]);
});

test("rows of a table are spread over all, the newest among them", () => {
  expect(spread(3, 20)).toEqual([0, 1, 2]);
  expect(spread(100, 4)).toEqual([24, 49, 74, 99]);
  expect(spread(0, 4)).toEqual([]);
});
