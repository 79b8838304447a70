import { describe, expect, it } from "vitest";
import { figuresOf, median, ratio, rowFigures, wallRatioByRound } from "../../../../bench/report/figures.ts";
import { missingRow, rowOf, runOf, tableOf } from "../../../support/bench-report.ts";

describe("the figures of a row", () => {
  it("are medians, with the slowest and the fastest round", () => {
    const figures = figuresOf(rowOf("ours", [4, 2, 5]));
    expect(figures).toMatchObject({ wallSeconds: 4, entriesPerSecond: 250_000, bytesPerSecond: 250e6 });
    expect(figures).toMatchObject({ slowest: 200_000, fastest: 500_000 });
    expect(figures.cpuMicrosecondsPerEntry).toBeCloseTo(4.5);
  });

  it("have the largest peak of memory, not the median", () => {
    const runs = [100e6, 300e6, 200e6].map((peakRssBytes) => runOf(1, { peakRssBytes }));
    expect(figuresOf(rowOf("ours", [], { runs })).peakRssBytes).toBe(300e6);
  });

  it("leave out what the system did not report", () => {
    const runs = [runOf(1, { peakRssBytes: undefined, serverCpuSeconds: undefined })];
    const figures = figuresOf(rowOf("ours", [], { runs }));
    expect(figures).toMatchObject({ peakRssBytes: undefined, serverCpuSeconds: undefined });
  });

  it("do not exist for a row that is missing or was not measured", () => {
    const table = tableOf("memory", [rowOf("ours", [1]), missingRow("failed", "rclone", "no")]);
    expect(rowFigures(table, "ours")).toBeDefined();
    for (const id of ["rclone", "tessera"]) expect(rowFigures(table, id)).toBeUndefined();
    expect(rowFigures(undefined, "ours")).toBeUndefined();
  });
});

it("there is no ratio to a time that was too short to measure, or that is unknown", () => {
  expect(ratio(1, 4)).toBe(0.25);
  expect(ratio(1, 0)).toBeUndefined();
  expect(ratio(undefined, 1)).toBeUndefined();
});

it("rows of the same rounds are compared round by round", () => {
  expect(wallRatioByRound(rowOf("now", [2, 30, 3]), rowOf("before", [2, 20, 2]))).toBe(1.5);
  expect(wallRatioByRound(rowOf("now", [3, 9]), rowOf("before", [2]))).toBe(1.5);
  expect(wallRatioByRound(rowOf("now", [3]), undefined)).toBeUndefined();
});

describe("the median", () => {
  it.each([
    [[7], 7],
    [[3, 1, 2], 2],
    [[10, 9, 100], 10],
    [[4, 1, 3, 2], 2.5],
  ])("of %j is %d", (values, expected) => {
    const before = [...values];
    expect(median(values)).toBe(expected);
    expect(values).toEqual(before);
  });

  it("of nothing is an error", () => {
    expect(() => median([])).toThrow(RangeError);
  });
});
