/** What the runs of a row come to: the figures that tables, charts and goals are about. */

import type { CopyTable, MeasuredRow, Run, Table } from "./report.ts";
import { median, type Spread, spread } from "./statistics.ts";

/** Medians over the runs of a row. */
export interface Figures {
  readonly wallSeconds: number;
  readonly entriesPerSecond: number;
  /** Entries a second of the slowest and of the fastest run. */
  readonly entriesPerSecondSpread: Spread;
  readonly bytesPerSecond: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly cpuMicrosecondsPerEntry: number;
  readonly serverCpuSeconds: number | undefined;
  /** The largest of all runs, not the median: it is held against a bound. */
  readonly peakRssBytes: number | undefined;
}

const MICROSECONDS = 1e6;

export function figuresOf({ runs, entries, bytes }: MeasuredRow): Figures {
  const wallSeconds = median(runs.map((run) => run.wallSeconds));
  const cpuSeconds = median(runs.map((run) => run.userSeconds + run.systemSeconds));
  return {
    wallSeconds,
    entriesPerSecond: entries / wallSeconds,
    entriesPerSecondSpread: spread(runs.map((run) => entries / run.wallSeconds)),
    bytesPerSecond: bytes / wallSeconds,
    userSeconds: median(runs.map((run) => run.userSeconds)),
    systemSeconds: median(runs.map((run) => run.systemSeconds)),
    cpuMicrosecondsPerEntry: (cpuSeconds / entries) * MICROSECONDS,
    serverCpuSeconds: knownOf(runs, "serverCpuSeconds", median),
    peakRssBytes: knownOf(runs, "peakRssBytes", (peaks) => Math.max(...peaks)),
  };
}

/** The table of copies with this id. */
export function copyTable(tables: readonly Table[], id: string): CopyTable | undefined {
  const table = tables.find((candidate) => candidate.id === id);
  return table?.kind === "copies" ? table : undefined;
}

/** The figures of a row; undefined if the table has none with this id, or it was not measured. */
export function rowFigures(table: CopyTable | undefined, id: string): Figures | undefined {
  const row = table?.rows.find((candidate) => candidate.id === id);
  return row?.state === "measured" ? figuresOf(row) : undefined;
}

/** One quotient of two figures, if both are known; undefined if the divisor is 0, the time of a run too short to tell. */
export function ratio(dividend: number | undefined, divisor: number | undefined): number | undefined {
  return dividend === undefined || divisor === undefined || divisor === 0 ? undefined : dividend / divisor;
}

function knownOf(
  runs: readonly Run[],
  key: "serverCpuSeconds" | "peakRssBytes",
  combine: (values: number[]) => number,
): number | undefined {
  const values = runs.map((run) => run[key]).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : combine(values);
}
