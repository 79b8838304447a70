import { describe, expect, it } from "vitest";
import { renderChart, scaleChart, speedCharts } from "../../../../bench/report/chart.ts";
import { goal, times } from "../../../../bench/report/goals.ts";
import { resultsPage } from "../../../../bench/report/results-page.ts";
import { goalsText, tableText, titledTable } from "../../../../bench/report/table.ts";
import {
  FULL,
  MACHINE,
  missingRow,
  QUICK,
  REDUCED,
  reportOf,
  rowOf,
  suiteOf,
  tableOf,
} from "../../../support/bench-report.ts";

const OURS = rowOf("ours", [2, 2.5, 2.2]);
const RCLONE = rowOf("rclone", [1, 1.1, 1.2], {
  tries: [
    { label: "4 transfers", wallSeconds: 1.3 },
    { label: "16 transfers", wallSeconds: 1.1 },
  ],
});
const TABLE = tableOf(
  "memory",
  [OURS, RCLONE, rowOf("once", [9]), missingRow("skipped", "tessera", "Go is not installed")],
  "ours",
);
const START = {
  kind: "times",
  id: "start-up",
  title: "Start",
  notes: [],
  rows: [{ id: "first-bundle", label: "tlog-migrate", milliseconds: [290.4, 310, 280] }],
} as const;

describe("a table on a terminal", () => {
  const text = tableText(TABLE);
  const line = (id: string) =>
    text.split("\n").find((candidate) => candidate.includes(`label of ${id} `)) ?? "";

  it("has a line for each row: medians, spread, and the speed beside ours", () => {
    expect(line("ours")).toMatch(
      /454,545 .* 400,000–500,000 .* 1\.00 .* 455 .* 2\.20 .* 2\.20 \+ 0\.50 .* 2\.70/,
    );
    expect(line("rclone")).toMatch(/909,091 .* 2\.00 /);
  });

  it("says what was left out and why, what was tried, and what ran fewer times", () => {
    expect(line("tessera")).toMatch(/skipped/);
    expect(text).toContain("label of tessera was left out: Go is not installed.");
    expect(text).toContain("the fastest in one try each of 4 transfers 1.30 s; 16 transfers 1.10 s.");
    expect(text).toContain("label of once ran 1 of 3 times.");
    expect(text).toContain("Note on memory.");
  });

  it("has no column that says nothing", () => {
    const plain = tableText(tableOf("scale", [rowOf("1000000", [2])]));
    expect(plain).not.toMatch(/speed|min–max/);
  });

  it("of times gives the median and the spread", () => {
    expect(tableText(START)).toContain("tlog-migrate: 290 ms (280–310, 3 runs)");
  });
});

describe("goals on a terminal", () => {
  const bound = { atMost: 1.15 };
  const goals = [
    goal("Kept", 1, bound, times),
    goal("Lost", 2, bound, times),
    goal("Open", undefined, bound, times),
  ];

  it("are met, missed or not measured", () => {
    const lines = goalsText(goals, FULL).split("\n");
    const verdict = (text: string) => lines.find((line) => line.includes(text));
    expect(verdict("Kept")).toMatch(/1\.00 × .* met/);
    expect(verdict("Lost")).toMatch(/2\.00 × .* MISSED/);
    expect(verdict("Open")).toMatch(/not measured/);
  });

  it("that have a figure and no verdict are not judged, and the title says why", () => {
    const text = goalsText([{ text: "Seen", measured: "2.00 ×", met: undefined }], QUICK);
    expect(text).toMatch(/Seen .* 2\.00 × .* not judged/);
    expect(text).toContain("not to be judged by a run with --quick");
    expect(goalsText(goals, FULL)).toMatch(/^\nGoals\n/);
    expect(goalsText([], QUICK)).toBe("");
  });
});

it("a table of a reduced run says so in its title", () => {
  expect(titledTable(TABLE, REDUCED).title).toBe("Title of memory, run with --entries 3000 --rounds 1");
  expect(titledTable(TABLE, FULL)).toEqual(TABLE);
});

describe("the page of results", () => {
  const report = reportOf([suiteOf("peers", [TABLE]), suiteOf("start-up", [START])]);
  const sections = report.suites.map((suite) => ({
    report: suite,
    about: `About ${suite.name}`,
    charts: [{ file: `results/${suite.name}.svg`, title: `Chart of ${suite.name}` }],
  }));
  const page = resultsPage(report, [goal("Kept", 1, { atMost: 1.15 }, times)], sections);

  it("tells the machine, the versions and the goals", () => {
    expect(page).toContain("| CPU | Imaginary 9000, 2 cores |");
    expect(page).toContain("| Memory | 24.0 GiB |");
    expect(page).toContain("| rclone | 1.60 |");
    expect(page).toContain("| Kept: at most 1.15 × | 1.00 × | met |");
  });

  it("marks a suite that was not run in full", () => {
    expect(page).not.toContain("no ground for claims");
    const suite = suiteOf("peers", [TABLE], { extent: REDUCED });
    const marked = resultsPage(reportOf([suite]), [], [{ report: suite, about: "About", charts: [] }]);
    expect(marked).toContain("Run with --entries 3000 --rounds 1: no ground for claims.");
  });

  it("has tables whose rows all have as many cells as the head", () => {
    const blocks = page.split("\n\n").filter((block) => block.startsWith("| "));
    expect(blocks.length).toBeGreaterThan(3);
    for (const block of blocks) {
      const widths = block
        .trim()
        .split("\n")
        .map((row) => row.split(" | ").length);
      expect(new Set(widths).size).toBe(1);
    }
  });

  it("has every run, every command, what made the log, and the charts", () => {
    expect(page).toContain("| label of ours | 2 | 2.500 | 2.50 | 0.50 | 1.00 | 200 |");
    expect(page).toContain("copy-with-rclone $SOURCE $TARGET");
    expect(page).toContain("node test/logs/generate.ts --out $LOG");
    expect(page).toContain("![Chart of peers](results/peers.svg)");
    expect(page).toContain("Every run: 290, 310, 280 ms.");
    expect(page).toContain(`Measured 2026-01-02: tlog-migrate 0.1.0, commit 123.`);
    expect(page).toContain(MACHINE.kernel);
  });
});

describe("charts", () => {
  it("have a bar for each row that was measured, ours set off", () => {
    const [chart] = speedCharts([TABLE, START]);
    expect(chart?.bars).toEqual([
      { label: "label of ours", entriesPerSecond: 1e6 / 2.2, emphasis: "reference" },
      { label: "label of rclone", entriesPerSecond: 1e6 / 1.1, emphasis: "none" },
      { label: "label of once", entriesPerSecond: 1e6 / 9, emphasis: "none" },
    ]);
  });

  it("are small SVGs with the names and figures of the rows, the same each time", async () => {
    const [chart] = speedCharts([TABLE]);
    if (chart === undefined) throw new Error("no chart");
    const svg = await renderChart(chart);
    expect(svg).toMatch(/^<svg .*<\/svg>\n$/s);
    expect(svg).toContain("label of rclone");
    expect(svg).toContain("909,091");
    expect(svg.length).toBeLessThan(20_000);
    expect(await renderChart(chart)).toBe(svg);
  });

  it("show speed and memory against the size", async () => {
    const table = tableOf("scale", [rowOf("1", [1]), rowOf("4", [4], { entries: 4_000_000 })]);
    const [chart, ...others] = scaleChart([table, undefined]);
    expect(others).toEqual([]);
    if (chart === undefined) throw new Error("no chart");
    expect(chart.series[0]?.points.map(({ entries }) => entries)).toEqual([1_000_000, 4_000_000]);
    const svg = await renderChart(chart);
    expect(svg).toContain("peak memory, MB");
    expect(await renderChart(chart)).toBe(svg);
  });

  it("of nothing measured there are none", () => {
    const table = tableOf("memory", [missingRow("failed", "ours", "it fell")]);
    expect(speedCharts([table])).toEqual([]);
    expect(scaleChart([table])).toEqual([]);
  });
});
