/** The goal for memory: of every copy that was measured, whichever suite it is in. */

import { figuresOf } from "./figures.ts";
import { type Goal, goal, goalWithin, megabytes } from "./goals.ts";
import type { SuiteReport } from "./report.ts";

const MOST_MEMORY = 350e6;

/** None if no suite copies anything. Suites that were run in full are looked at alone, if there are any. */
export function memoryGoals(reports: readonly SuiteReport[]): Goal[] {
  const copying = reports.filter(({ tables }) => tables.some(({ kind }) => kind === "copies"));
  const full = copying.filter(({ extent }) => extent.kind === "full");
  const suites = full.length > 0 ? full : copying;
  const [first] = suites;
  if (first === undefined) return [];
  const text = `Peak memory of every copy (${suites.map(({ name }) => name).join(", ")})`;
  return [goalWithin(first.extent, goal(text, largestPeak(suites), { atMost: MOST_MEMORY }, megabytes))];
}

function largestPeak(suites: readonly SuiteReport[]): number | undefined {
  const peaks = suites
    .flatMap(({ tables }) => tables)
    .flatMap((table) => (table.kind === "copies" ? table.rows : []))
    .flatMap((row) => (row.state === "measured" && row.isOurs ? [figuresOf(row).peakRssBytes] : []))
    .filter((peak) => peak !== undefined);
  return peaks.length === 0 ? undefined : Math.max(...peaks);
}
