import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { SuiteReport } from "../../../../bench/report/report.ts";
import { prepareResults, resultsPage, writeResults } from "../../../../bench/report/results.ts";
import { rowOf, suiteOf, tableOf } from "../../../support/bench-report.ts";
import { temporaryDirectory } from "../../../support/places/directory.ts";

const suite = (name: string, wall: number, changes: Partial<SuiteReport> = {}) =>
  suiteOf(name, [tableOf(name, [rowOf("ours", [wall])])], changes);

describe("suites that are measured one by one", () => {
  const namesIn = (directory: string) =>
    readFileSync(join(directory, "results.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as SuiteReport).name);

  it("end up on one page: those measured again replace their old figures, and the others are kept", () => {
    const directory = join(temporaryDirectory(), "new");
    prepareResults(directory);
    writeResults(directory, [suite("disk", 2), suite("scale", 4)]);
    expect(writeResults(directory, [suite("peers", 1), suite("disk", 3)])).toEqual([]);
    expect(namesIn(directory)).toEqual(["peers", "disk", "scale"]);
    const page = readFileSync(join(directory, "RESULTS.md"), "utf8");
    for (const name of ["peers", "disk", "scale"]) expect(page).toContain(`Title of ${name}`);
    expect(page).toContain("| label of ours |   333,333 |");
    expect(page).not.toContain("| label of ours |   500,000 |");
  });

  it("are not kept if they are of another machine", () => {
    const directory = temporaryDirectory();
    writeResults(directory, [suite("disk", 2)]);
    expect(writeResults(directory, [suite("peers", 1, { machine: { CPU: "Another" } })])).toEqual(["disk"]);
    expect(namesIn(directory)).toEqual(["peers"]);
  });

  it("are refused before anything is measured if the figures that are there are damaged", () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "results.jsonl"), "{");
    expect(() => prepareResults(directory)).toThrow(/damaged, remove it/);
    expect(existsSync(join(directory, "RESULTS.md"))).toBe(false);
  });
});

describe("the page of results", () => {
  const peers = tableOf(
    "memory-1000B",
    [rowOf("ours", [2, 2.5, 2.2]), rowOf("rclone", [1, 1.1, 1.2])],
    "ours",
  );
  const page = resultsPage([suiteOf("peers", [peers]), suite("disk", 2, { reducedBy: "--entries 3000" })]);

  it("has the machine, the versions, the goals, and how long it took", () => {
    expect(page).toContain("| CPU    | Imaginary 9000, 2 cores |");
    expect(page).toContain("| Memory | 24.0 GiB                |");
    expect(page).toMatch(
      /\| Wall time next to rclone's, entries of 1,000 B: at most 0.95 × +\| 2.00 × +\| MISSED/,
    );
    expect(page).toContain(
      "Measured 2026-01-02 in 2 min, load before 0.10: tlog-migrate 0.1.0, commit 123; rclone v1.60.\n",
    );
  });

  it("marks a suite that was not run in full", () => {
    expect(page.match(/no ground for claims/g)).toHaveLength(1);
    expect(page).toContain("Run with --entries 3000: no ground for claims.");
  });

  it("has every run, every command, and what made the log", () => {
    expect(page).toContain(
      "| label of ours   |     2 |  2.500 |   2.50 |     0.50 |         1.00 |     200 |",
    );
    expect(page).toContain("copy-with-rclone $SOURCE $TARGET");
    expect(page).toContain("node test/logs/generate.ts --out $LOG");
  });
});
