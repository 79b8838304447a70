import { describe, expect, it } from "vitest";
import { goal } from "../../../../bench/report/goals.ts";
import { goalsText, markdownTable, tableText } from "../../../../bench/report/tables.ts";
import { figuresOf, missingRow, rowOf, tableOf } from "../../../support/bench-report.ts";

const TRIES = [
  { label: "4 transfers", wallSeconds: 1.3 },
  { label: "16 transfers", wallSeconds: 1.1 },
];
const TABLE = tableOf(
  "memory",
  [
    rowOf("ours", [2, 2.5, 2.2]),
    rowOf("rclone", [1, 1.1, 1.2], { tries: TRIES }),
    rowOf("once", [9]),
    missingRow("skipped", "tessera", "Go is not installed"),
    missingRow("failed", "cp", "it fell"),
  ],
  "ours",
);

describe("a table of copies", () => {
  const text = tableText(TABLE);
  const line = (id: string) =>
    text.split("\n").find((candidate) => candidate.startsWith(`| label of ${id} `)) ?? "";

  it("has a line for each row: medians, spread, and the speed compared with ours", () => {
    expect(line("ours")).toMatch(
      /454,545 .* 400,000–500,000 .* 1\.00 .* 455 .* 2\.20 .* 2\.20 \+ 0\.50 .* 2\.70/,
    );
    expect(line("rclone")).toMatch(/909,091 .* 2\.00 /);
  });

  it("says what is missing and why, what was tried, and what ran fewer times", () => {
    expect(line("tessera")).toMatch(/skipped/);
    expect(text).toContain("label of tessera was left out: Go is not installed.");
    expect(text).toContain("label of cp was started, and failed: it fell.");
    expect(text).toContain("the fastest in one try each of 4 transfers 1.30 s; 16 transfers 1.10 s.");
    expect(text).toContain("label of once ran 1 of 3 times.");
    expect(text).toContain("Note on memory.");
  });

  it("has no column that says nothing", () => {
    const plain = tableText(tableOf("scale", [rowOf("1000000", [2])]));
    expect(plain).not.toMatch(/speed|min–max/);
  });
});

it("a table of times gives the median, the spread and every run", () => {
  const table = {
    kind: "times",
    id: "",
    title: "Start",
    notes: [],
    milliseconds: [290.4, 310, 280],
  } as const;
  expect(tableText(table)).toContain("**290 ms** (280–310). Every run: 290, 310, 280 ms.");
});

it("a table of figures has a column for each unit, and nothing where nothing was measured", () => {
  const text = tableText(figuresOf("live", { here: { lag: 1.234 }, there: { lag: 0.5, cutover: 6 } }));
  expect(text).toContain("|                | head of lag, s | head of cutover, s |");
  expect(text).toContain("| label of here  | 1.23           |                    |");
  expect(text).toContain("| label of there | 0.50           | 6.00               |");
  expect(text).toContain("Note on live.");
});

it("shows the figures of a column in its unit", () => {
  const units = ["entries/s", "µs", "KB", "MB", ""] as const;
  const columns = units.map((unit) => ({ id: unit, head: "a", unit }));
  const values = { "entries/s": 430_223_817.6, µs: 19.456e-6, KB: 1234, MB: 5e6, "": 46 };
  const rows = [{ id: "", label: "all", values }];
  const text = tableText({ kind: "figures", id: "", title: "", notes: [], columns, rows });
  expect(text).toMatch(/\| +430,223,818 \| +19\.5 \| +1\.2 \| +5 \| +46 \|/);
});

it("goals are met, missed, not measured or not judged", () => {
  const bound = { atMost: 1.15 };
  const lines = goalsText([
    goal("Kept", 1, bound, "×"),
    goal("Lost", 2, bound, "×"),
    goal("Open", undefined, bound, "×"),
    { text: "Seen", measured: "2.00 ×", met: undefined },
  ]).split("\n");
  const verdict = (text: string) => lines.find((line) => line.includes(text));
  expect(verdict("Kept")).toMatch(/1\.00 × .* met/);
  expect(verdict("Lost")).toMatch(/2\.00 × .* MISSED/);
  expect(verdict("Open")).toMatch(/not measured/);
  expect(verdict("Seen")).toMatch(/2\.00 × .* not judged/);
});

it("a table's lines are all as wide and have as many cells", () => {
  const text = markdownTable(["", "a", "b", "c"], [["row | with a bar"], ["x", "1", "22", "333"]]);
  expect(text).toContain("row \\| with a bar");
  const lines = text.trim().split("\n");
  expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
  expect(new Set(lines.map((line) => line.split(" | ").length)).size).toBe(1);
});
