/** Tables in Markdown: on the terminal, and on the page of results. */

import { type Figures, figuresOf, median, rowFigures } from "./figures.ts";
import { type Goal, inUnit, milliseconds, verdictOf } from "./goals.ts";
import type { CopyTable, FigureTable, FigureUnit, MeasuredRow, Row, Table } from "./report.ts";

interface Column {
  readonly head: string;
  /** Empty where it does not apply or is not known. */
  cell(figures: Figures, reference: Figures | undefined): string;
}

const [SPREAD, SPEED] = ["min–max", "speed"];

const COLUMNS: readonly Column[] = [
  { head: "entries/s", cell: ({ entriesPerSecond }) => whole(entriesPerSecond) },
  { head: SPREAD, cell: ({ slowest, fastest }) => `${whole(slowest)}–${whole(fastest)}` },
  {
    head: SPEED,
    cell: ({ entriesPerSecond }, reference) =>
      reference === undefined ? "" : (entriesPerSecond / reference.entriesPerSecond).toFixed(2),
  },
  { head: "MB/s", cell: ({ bytesPerSecond }) => whole(bytesPerSecond / 1e6) },
  { head: "wall s", cell: ({ wallSeconds }) => seconds(wallSeconds) },
  {
    head: "CPU s user + sys",
    cell: ({ userSeconds, systemSeconds }) => `${seconds(userSeconds)} + ${seconds(systemSeconds)}`,
  },
  { head: "CPU µs/entry", cell: ({ cpuMicrosecondsPerEntry }) => seconds(cpuMicrosecondsPerEntry) },
  { head: "server CPU s", cell: ({ serverCpuSeconds }) => seconds(serverCpuSeconds) },
  { head: "peak MB", cell: ({ peakRssBytes }) => megabytes(peakRssBytes) },
];

const RUN_HEADS = ["", "round", "wall s", "user s", "system s", "server CPU s", "peak MB"];

/** A table with its title and its notes. */
export function tableText(table: Table): string {
  const { title, notes } = table;
  const remarksOnRows = table.kind === "copies" ? table.rows.flatMap((row) => remarksOn(table, row)) : [];
  const remarks = [...remarksOnRows, ...notes].join(" ");
  return [`### ${title}\n`, contentText(table), ...(remarks === "" ? [] : [`${remarks}\n`])].join("\n");
}

function contentText(table: Table): string {
  switch (table.kind) {
    case "times":
      return timesText(table.milliseconds);
    case "figures":
      return figuresText(table);
    case "copies":
      return copiesText(table);
  }
}

/** Goals, and whether they are met. */
export function goalsText(goals: readonly Goal[]): string {
  const rows = goals.map((goal) => [goal.text, goal.measured ?? "", verdictOf(goal)]);
  return markdownTable(["goal", "measured", ""], rows);
}

/** The figures of each run, as they were measured. */
export function runsText(rows: readonly MeasuredRow[]): string {
  const cells = rows.flatMap(({ label, runs }) =>
    runs.map(({ wallSeconds, userSeconds, systemSeconds, serverCpuSeconds, peakRssBytes }, index) => [
      ...[label, String(index + 1), wallSeconds.toFixed(3)],
      ...[userSeconds, systemSeconds, serverCpuSeconds].map(seconds),
      megabytes(peakRssBytes),
    ]),
  );
  return markdownTable(RUN_HEADS, cells);
}

/** The first column is of words, the others of figures. A row with fewer cells is filled up; all are padded. */
export function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [heads, ...rows].map((row) => heads.map((_, column) => escaped(row[column] ?? "")));
  const widths = heads.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const isText = (column: number) => column === 0 || heads.length < 4;
  const lines = cells.map((row) =>
    row.map((cell, column) =>
      isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    ),
  );
  const rule = widths.map((width, column) =>
    isText(column) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  const [head = [], ...body] = lines;
  return [head, rule, ...body].map((row) => `| ${row.join(" | ")} |\n`).join("");
}

function copiesText(table: CopyTable): string {
  const columns = columnsOf(table);
  const reference = table.reference === undefined ? undefined : rowFigures(table, table.reference);
  const rows = table.rows.map((row) => {
    if (row.state !== "measured") return [row.label, row.state];
    const figures = figuresOf(row);
    return [row.label, ...columns.map(({ cell }) => cell(figures, reference))];
  });
  return markdownTable(["", ...columns.map(({ head }) => head)], rows);
}

/** Speeds are compared only where one row is the measure of the others; one run alone has no spread. */
function columnsOf({ reference, rows }: CopyTable): Column[] {
  const left = new Set<string>();
  if (reference === undefined) left.add(SPEED);
  if (!rows.some((row) => row.state === "measured" && row.runs.length > 1)) left.add(SPREAD);
  return COLUMNS.filter(({ head }) => !left.has(head));
}

/** What is to be said of a row: why it is missing, how often it ran, and the settings of which the best was taken. */
function remarksOn({ rows }: CopyTable, row: Row): string[] {
  const { label } = row;
  if (row.state !== "measured") {
    return [
      `${label} ${row.state === "skipped" ? "was left out" : "was started, and failed"}: ${row.reason}.`,
    ];
  }
  const most = Math.max(...rows.map((other) => (other.state === "measured" ? other.runs.length : 0)));
  const tries = row.tries.map((one) => `${one.label} ${one.wallSeconds.toFixed(2)} s`);
  return [
    ...(row.runs.length < most ? [`${label} ran ${row.runs.length} of ${most} times.`] : []),
    ...(tries.length === 0 ? [] : [`${label}: the fastest in one try each of ${tries.join("; ")}.`]),
  ];
}

function timesText(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(milliseconds);
  const each = values.map(milliseconds).join(", ");
  return `**${inUnit(median(values), "ms")}** (${least}–${most}). Every run: ${each} ms.\n`;
}

function figuresText({ columns, rows }: FigureTable): string {
  const heads = columns.map(({ head, unit }) => (unit === "" ? head : `${head}, ${unit}`));
  const cells = rows.map(({ label, values }) => [
    label,
    ...columns.map(({ id, unit }) => {
      const value = values[id];
      return value === undefined ? "" : plainFigure(value, unit);
    }),
  ]);
  return markdownTable(["", ...heads], cells);
}

function plainFigure(value: number, unit: FigureUnit): string {
  if (unit === "MB") return whole(value / 1e6);
  if (unit === "KB") return (value / 1e3).toFixed(1);
  if (unit === "µs") return (value * 1e6).toFixed(1);
  return unit === "" || unit === "entries/s" ? whole(value) : value.toFixed(2);
}

function escaped(cell: string): string {
  return cell.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function seconds(value: number | undefined): string {
  return value === undefined ? "" : value.toFixed(2);
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "" : whole(bytes / 1e6);
}
