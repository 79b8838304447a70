import { describe, expect, it } from "vitest";
import { figuresOf, ratio, rowFigures } from "../../../../bench/report/figures.ts";
import { missingRow, rowOf, runOf, tableOf } from "../../../support/bench-report.ts";

describe("the figures of a row", () => {
  it("are medians, with the slowest and the fastest round beside them", () => {
    const figures = figuresOf(rowOf("ours", [4, 2, 5]));
    expect(figures).toMatchObject({ wallSeconds: 4, entriesPerSecond: 250_000, bytesPerSecond: 250e6 });
    expect(figures.entriesPerSecondSpread).toEqual({ least: 200_000, most: 500_000 });
    expect(figures.cpuMicrosecondsPerEntry).toBeCloseTo(4.5);
  });

  it("have the largest peak of memory, not the median", () => {
    const runs = [100e6, 300e6, 200e6].map((peakRssBytes) => runOf(1, { peakRssBytes }));
    expect(figuresOf(rowOf("ours", [], { runs })).peakRssBytes).toBe(300e6);
  });

  it("leave out what the system did not tell", () => {
    const runs = [runOf(1, { peakRssBytes: undefined, serverCpuSeconds: undefined })];
    const figures = figuresOf(rowOf("ours", [], { runs }));
    expect(figures).toMatchObject({ peakRssBytes: undefined, serverCpuSeconds: undefined });
  });
});

it("there is no ratio to a time that was too short to tell", () => {
  expect(ratio(1, 0)).toBeUndefined();
  expect(ratio(1, 4)).toBe(0.25);
});

it("a row that is missing or was not measured has no figures, and no ratio", () => {
  const table = tableOf("memory", [rowOf("ours", [1]), missingRow("failed", "rclone", "no")]);
  expect(rowFigures(table, "rclone")).toBeUndefined();
  expect(rowFigures(table, "tessera")).toBeUndefined();
  expect(rowFigures(undefined, "ours")).toBeUndefined();
  expect(
    ratio(rowFigures(table, "ours")?.wallSeconds, rowFigures(table, "rclone")?.wallSeconds),
  ).toBeUndefined();
});
