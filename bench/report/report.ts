/** What a benchmark run found: the one document that tables and the page are made from. */

import type { Machine } from "../run/machine.ts";
import type { Usage } from "../run/measure.ts";

/** The tables of one suite. */
export interface SuiteReport {
  readonly name: string;
  /** When it ended: ISO 8601. */
  readonly measuredAt: string;
  /** How long the whole suite took. */
  readonly seconds: number;
  readonly machine: Machine;
  /** Of the machine in the last minute before: what else was at work. */
  readonly loadBefore: number;
  /** Version, commit and hasher of what was measured. */
  readonly ours: string;
  /** Names and versions of the other programs that took part. */
  readonly versions: readonly string[];
  /** Options because of which this is no ground for claims, such as `--quick`; empty for a full run. */
  readonly reducedBy: string;
  readonly tables: readonly Table[];
}

export type Table = CopyTable | TimeTable | FigureTable;

interface TableHead {
  readonly id: string;
  readonly title: string;
  /** What a reader must know to judge the figures, a sentence each. */
  readonly notes: readonly string[];
}

/** Whole runs of programs that copy a log. */
export interface CopyTable extends TableHead {
  readonly kind: "copies";
  /** The row whose speed is 1.00; without it speeds are not compared. */
  readonly reference?: string;
  readonly rows: readonly Row[];
}

/** How long something took, again and again. */
export interface TimeTable extends TableHead {
  readonly kind: "times";
  readonly milliseconds: readonly number[];
}

export type FigureUnit = "s" | "µs" | "KB" | "MB" | "×" | "entries/s" | "";

/** What else was measured: each column has its own unit. */
export interface FigureTable extends TableHead {
  readonly kind: "figures";
  readonly columns: readonly { readonly id: string; readonly head: string; readonly unit: FigureUnit }[];
  readonly rows: readonly FigureRow[];
}

export interface FigureRow {
  readonly id: string;
  readonly label: string;
  /** By the ids of the columns. */
  readonly values: Readonly<Record<string, number>>;
}

export type Row = MeasuredRow | MissingRow;

export interface MeasuredRow {
  readonly state: "measured";
  readonly id: string;
  readonly label: string;
  /** Whether it is a run of the program that this is the benchmark of. */
  readonly isOurs: boolean;
  /** Name and version of another program. */
  readonly version: string | undefined;
  /** What made the log, and what was run, in a shell's words; with `$NAMES` for what differs. */
  readonly made: string;
  readonly command: string;
  /** Entries that each run copied. */
  readonly entries: number;
  /** Bytes of these as the source stores them. */
  readonly bytes: number;
  readonly runs: readonly Run[];
  /** Settings tried before, once each, of which the fastest was taken. */
  readonly tries: readonly Try[];
}

/** A program that took no part, or did and failed. */
export interface MissingRow {
  readonly state: "skipped" | "failed";
  readonly id: string;
  readonly label: string;
  readonly reason: string;
}

export interface Run extends Usage {
  /** CPU seconds of the servers meanwhile; undefined if there are none, or on systems without /proc. */
  readonly serverCpuSeconds: number | undefined;
}

export interface Try {
  readonly label: string;
  readonly wallSeconds: number;
}

/** The table of copies with this id. */
export function copyTable(tables: readonly Table[], id: string): CopyTable | undefined {
  return copyTables(tables).find((table) => table.id === id);
}

/** The values of a column of a table of figures, in the rows that are wanted; none if it was not measured. */
export function columnValues(
  tables: readonly Table[],
  id: string,
  column: string,
  isWanted: (row: FigureRow) => boolean = () => true,
): number[] {
  const table = tables.find((candidate) => candidate.id === id);
  if (table?.kind !== "figures") return [];
  return table.rows.filter(isWanted).flatMap(({ values }) => values[column] ?? []);
}

export function copyTables(tables: readonly Table[]): CopyTable[] {
  return tables.filter((table) => table.kind === "copies");
}

/** The row with this id, if it was measured. */
export function measuredRow(table: CopyTable | undefined, id: string): MeasuredRow | undefined {
  const row = table?.rows.find((candidate) => candidate.id === id);
  return row?.state === "measured" ? row : undefined;
}

/** All rows that were measured. */
export function measuredRows(tables: readonly Table[]): MeasuredRow[] {
  return copyTables(tables).flatMap(({ rows }) => rows.filter((row) => row.state === "measured"));
}
