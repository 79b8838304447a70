/** What the runs of a row come to: the figures that tables and goals are about. */

import { type CopyTable, type MeasuredRow, measuredRow, type Run, type Table } from "./report.ts";

/** Medians over the runs of a row. */
export interface Figures {
  readonly wallSeconds: number;
  readonly entriesPerSecond: number;
  /** Entries a second of the slowest and of the fastest run. */
  readonly slowest: number;
  readonly fastest: number;
  readonly bytesPerSecond: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly cpuMicrosecondsPerEntry: number;
  readonly serverCpuSeconds: number | undefined;
  /** The largest of all runs, not the median: it is compared with a bound. */
  readonly peakRssBytes: number | undefined;
}

export function figuresOf({ runs, entries, bytes }: MeasuredRow): Figures {
  const walls = runs.map((run) => run.wallSeconds);
  const wallSeconds = median(walls);
  const cpuSeconds = median(runs.map((run) => run.userSeconds + run.systemSeconds));
  return {
    wallSeconds,
    entriesPerSecond: entries / wallSeconds,
    slowest: entries / Math.max(...walls),
    fastest: entries / Math.min(...walls),
    bytesPerSecond: bytes / wallSeconds,
    userSeconds: median(runs.map((run) => run.userSeconds)),
    systemSeconds: median(runs.map((run) => run.systemSeconds)),
    cpuMicrosecondsPerEntry: (cpuSeconds / entries) * 1e6,
    serverCpuSeconds: knownOf(runs, "serverCpuSeconds", median),
    peakRssBytes: knownOf(runs, "peakRssBytes", (peaks) => Math.max(...peaks)),
  };
}

/** The figures of a row; undefined if the table has none with this id, or it was not measured. */
export function rowFigures(table: CopyTable | undefined, id: string): Figures | undefined {
  const row = measuredRow(table, id);
  return row === undefined ? undefined : figuresOf(row);
}

/** The median of a table of times, in milliseconds; undefined if there is none with this id. */
export function medianTime(tables: readonly Table[], id: string): number | undefined {
  const table = tables.find((candidate) => candidate.id === id);
  return table?.kind === "times" ? median(table.milliseconds) : undefined;
}

/** A figure of a table of figures; undefined if there is none with these ids. */
export function figureOf(
  tables: readonly Table[],
  { table: tableId, row, column }: { readonly table: string; readonly row: string; readonly column: string },
): number | undefined {
  const table = tables.find(({ id }) => id === tableId);
  if (table?.kind !== "figures") return undefined;
  return table.rows.find(({ id }) => id === row)?.values[column];
}

/** A quotient of two figures, if both are known; undefined if the divisor is 0, the time of a run too short to measure. */
export function ratio(dividend: number | undefined, divisor: number | undefined): number | undefined {
  return dividend === undefined || divisor === undefined || divisor === 0 ? undefined : dividend / divisor;
}

/**
 * The quotient of two rows' wall times: the median of the rounds' quotients, since what disturbs a machine for
 * longer than a round disturbs both.
 */
export function wallRatioByRound(
  row: MeasuredRow | undefined,
  other: MeasuredRow | undefined,
): number | undefined {
  const quotients = (row?.runs ?? [])
    .map(({ wallSeconds }, round) => ratio(wallSeconds, other?.runs[round]?.wallSeconds))
    .filter((quotient) => quotient !== undefined);
  return quotients.length === 0 ? undefined : median(quotients);
}

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("nothing has no median");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

function knownOf(
  runs: readonly Run[],
  key: "serverCpuSeconds" | "peakRssBytes",
  combine: (values: number[]) => number,
): number | undefined {
  const values = runs.map((run) => run[key]).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : combine(values);
}
