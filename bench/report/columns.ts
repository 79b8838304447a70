/** The columns of a table of copies, the same on a terminal and on the page of results. */

import { type Figures, figuresOf, rowFigures } from "./figures.ts";
import type { CopyTable, MeasuredRow, Row, Run } from "./report.ts";

interface Column {
  readonly head: string;
  /** Empty where it does not apply or was not told. */
  cell(figures: Figures, reference: Figures | undefined): string;
}

const BYTES_PER_MEGABYTE = 1e6;
const [SPREAD, SPEED] = ["min–max", "speed"];

const COLUMNS: readonly Column[] = [
  { head: "entries/s", cell: ({ entriesPerSecond }) => whole(entriesPerSecond) },
  {
    head: SPREAD,
    cell: ({ entriesPerSecondSpread: { least, most } }) => `${whole(least)}–${whole(most)}`,
  },
  {
    head: SPEED,
    cell: ({ entriesPerSecond }, reference) =>
      reference === undefined ? "" : (entriesPerSecond / reference.entriesPerSecond).toFixed(2),
  },
  { head: "MB/s", cell: ({ bytesPerSecond }) => whole(bytesPerSecond / BYTES_PER_MEGABYTE) },
  { head: "wall s", cell: ({ wallSeconds }) => seconds(wallSeconds) },
  {
    head: "CPU s user + sys",
    cell: ({ userSeconds, systemSeconds }) => `${seconds(userSeconds)} + ${seconds(systemSeconds)}`,
  },
  { head: "CPU µs/entry", cell: ({ cpuMicrosecondsPerEntry }) => cpuMicrosecondsPerEntry.toFixed(2) },
  { head: "server CPU s", cell: ({ serverCpuSeconds }) => seconds(serverCpuSeconds) },
  { head: "peak MB", cell: ({ peakRssBytes }) => megabytes(peakRssBytes) },
];

/** What stands above the columns; the first is that of the rows' names. */
export function headsOf(table: CopyTable): string[] {
  return ["", ...columnsOf(table).map(({ head }) => head)];
}

/** The cells of a row; of one that was not measured its name and the reason alone. */
export function cellsOf(table: CopyTable, row: Row): string[] {
  if (row.state !== "measured") return [row.label, `${row.state}: ${row.reason}`];
  const reference = table.reference === undefined ? undefined : rowFigures(table, table.reference);
  const figures = figuresOf(row);
  return [row.label, ...columnsOf(table).map(({ cell }) => cell(figures, reference))];
}

/** What stands above the figures of single runs. */
export const RUN_HEADS = ["", "round", "wall s", "user s", "system s", "server CPU s", "peak MB"];

/** The figures of each run of a row, as they were measured. */
export function runCells({ label, runs }: MeasuredRow): string[][] {
  return runs.map((run, index) => [label, String(index + 1), ...runFigures(run)]);
}

function runFigures(run: Run): string[] {
  const { wallSeconds, userSeconds, systemSeconds, serverCpuSeconds, peakRssBytes } = run;
  return [
    wallSeconds.toFixed(3),
    ...[userSeconds, systemSeconds, serverCpuSeconds].map(seconds),
    megabytes(peakRssBytes),
  ];
}

/** Speeds are compared only where one row is the measure of the others; one run alone has no spread. */
function columnsOf({ reference, rows }: CopyTable): Column[] {
  const left = new Set<string>();
  if (reference === undefined) left.add(SPEED);
  if (!rows.some((row) => row.state === "measured" && row.runs.length > 1)) left.add(SPREAD);
  return COLUMNS.filter(({ head }) => !left.has(head));
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function seconds(value: number | undefined): string {
  return value === undefined ? "" : value.toFixed(2);
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "" : whole(bytes / BYTES_PER_MEGABYTE);
}
