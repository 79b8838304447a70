/** What the project set out to reach, compared with what was measured. */

import { BEFORE_ID } from "../peers/ours.ts";
import { figuresOf, ratio, rowFigures, wallRatioByRound } from "./figures.ts";
import {
  columnValues,
  copyTables,
  type FigureRow,
  measuredRow,
  measuredRows,
  type SuiteReport,
  type Table,
} from "./report.ts";

export interface Goal {
  readonly text: string;
  /** The measured figure in words; undefined if it was not measured. */
  readonly measured: string | undefined;
  /** Undefined if it was not measured, or not in full. */
  readonly met: boolean | undefined;
}

export type Unit = "entries/s" | "×" | "%" | "MB" | "ms" | "s";
export type Bound = { readonly atMost: number } | { readonly atLeast: number };

/** Wall time and peak memory next to an earlier build's. */
const MOST_OF_BEFORE = 1.1;
/** Bytes that any copy may take. */
const MOST_MEMORY = 350e6;

/** A goal that a measured value must be within a bound; both are shown in a unit. */
export function goal(text: string, value: number | undefined, bound: Bound, unit: Unit): Goal {
  const [words, limit] = "atMost" in bound ? ["at most", bound.atMost] : ["at least", bound.atLeast];
  return {
    text: `${text}: ${words} ${inUnit(limit, unit)}`,
    measured: value === undefined ? undefined : inUnit(value, unit),
    met: value === undefined ? undefined : isWithin(value, bound),
  };
}

/** A goal that is met by either of two: what is not measured counts as missed next to one that is met. */
export function eitherGoal(one: Goal, other: Goal): Goal {
  const measured = [one, other].map((goal) => goal.measured ?? "not measured");
  const met =
    one.met === true || other.met === true
      ? true
      : one.met === undefined || other.met === undefined
        ? undefined
        : false;
  return {
    text: `${one.text}, or ${other.text}`,
    measured: one.met === undefined && other.met === undefined ? undefined : measured.join(", "),
    met,
  };
}

/** The largest value of a column of a table of figures; undefined if none was measured. */
export function worst(
  tables: readonly Table[],
  id: string,
  column: string,
  isWanted?: (row: FigureRow) => boolean,
): number | undefined {
  const values = columnValues(tables, id, column, isWanted);
  return values.length === 0 ? undefined : Math.max(...values);
}

/** A goal as far as a suite can judge it: only one that was run in full gives a verdict. */
export function judgedBy({ reducedBy }: SuiteReport, { text, measured, met }: Goal): Goal {
  return { text, measured, met: reducedBy === "" ? met : undefined };
}

/** Of every table in which an earlier build took part: neither slower nor larger. */
export function besideGoals(tables: readonly Table[]): Goal[] {
  const withBefore = copyTables(tables).filter(({ rows }) => rows.some(({ id }) => id === BEFORE_ID));
  return withBefore.flatMap((table) => {
    const { title, reference = "" } = table;
    const wall = wallRatioByRound(measuredRow(table, reference), measuredRow(table, BEFORE_ID));
    const [now, before] = [reference, BEFORE_ID].map((id) => rowFigures(table, id)?.peakRssBytes);
    const bound = { atMost: MOST_OF_BEFORE };
    return [
      goal(`${title}: wall time next to the earlier build's`, wall, bound, "×"),
      goal(`${title}: peak memory next to the earlier build's`, ratio(now, before), bound, "×"),
    ];
  });
}

/** The goal for memory: of every copy that was measured, whichever suite it is in. */
export function memoryGoals(reports: readonly SuiteReport[]): Goal[] {
  const copying = reports.filter(({ tables }) => measuredRows(tables).some(({ isOurs }) => isOurs));
  const full = copying.filter(({ reducedBy }) => reducedBy === "");
  const suites = full.length > 0 ? full : copying;
  const [first] = suites;
  if (first === undefined) return [];
  const peaks = suites
    .flatMap(({ tables }) => measuredRows(tables))
    .flatMap((row) => (row.isOurs ? [figuresOf(row).peakRssBytes] : []))
    .filter((peak) => peak !== undefined);
  const text = `Peak memory of every copy (${suites.map(({ name }) => name).join(", ")})`;
  const largest = peaks.length === 0 ? undefined : Math.max(...peaks);
  return [judgedBy(first, goal(text, largest, { atMost: MOST_MEMORY }, "MB"))];
}

/** The verdict on a goal, in a word or two. */
export function verdictOf({ measured, met }: Goal): string {
  if (met === undefined) return measured === undefined ? "not measured" : "not judged";
  return met ? "met" : "MISSED";
}

function isWithin(value: number, bound: Bound): boolean {
  return "atMost" in bound ? value <= bound.atMost : value >= bound.atLeast;
}

/** A figure in its unit: entries a second, a quotient, a share, bytes, milliseconds or seconds. */
export function inUnit(value: number, unit: Unit): string {
  if (unit === "×" || unit === "s") return `${value.toFixed(2)} ${unit}`;
  if (unit === "ms") return `${milliseconds(value)} ms`;
  const shown = value * (unit === "%" ? 100 : unit === "MB" ? 1e-6 : 1);
  return `${Math.round(shown).toLocaleString("en")} ${unit}`;
}

/** Milliseconds, of which small ones are shown by their hundredths. */
export function milliseconds(value: number): string {
  return value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString("en");
}
