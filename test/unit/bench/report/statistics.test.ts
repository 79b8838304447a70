import { describe, expect, it } from "vitest";
import { median, spread } from "../../../../bench/report/statistics.ts";

describe("median", () => {
  it.each([
    [[7], 7],
    [[3, 1, 2], 2],
    [[10, 9, 100], 10],
    [[4, 1, 3, 2], 2.5],
  ])("of %j is %d", (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it("leaves the values in their order", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it("of nothing is an error, and so is its spread", () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => spread([])).toThrow(RangeError);
  });
});

it("the spread is the least and the greatest value", () => {
  expect(spread([3, 1, 2])).toEqual({ least: 1, most: 3 });
});
