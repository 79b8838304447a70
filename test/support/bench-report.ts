/** Figures that nobody measured, for tests of what is made of them. */

import type {
  CopyTable,
  FigureTable,
  MeasuredRow,
  MissingRow,
  Run,
  SuiteReport,
  TimeTable,
} from "../../bench/report/report.ts";

export function runOf(wallSeconds: number, changes: Partial<Run> = {}): Run {
  const usual = { userSeconds: wallSeconds, systemSeconds: 0.5, serverCpuSeconds: 1, peakRssBytes: 200e6 };
  return { wallSeconds, ...usual, ...changes };
}

/** A row of 1,000,000 entries of 1 GB, by its wall seconds. */
export function rowOf(id: string, walls: readonly number[], changes: Partial<MeasuredRow> = {}): MeasuredRow {
  return {
    state: "measured",
    id,
    label: `label of ${id}`,
    isOurs: id.startsWith("ours"),
    version: undefined,
    made: "node test/logs/generate.ts --out $LOG",
    command: `copy-with-${id} $SOURCE $TARGET`,
    entries: 1_000_000,
    bytes: 1e9,
    runs: walls.map((wall) => runOf(wall)),
    tries: [],
    ...changes,
  };
}

export function missingRow(state: MissingRow["state"], id: string, reason: string): MissingRow {
  return { state, id, label: `label of ${id}`, reason };
}

export function tableOf(id: string, rows: CopyTable["rows"], reference?: string): CopyTable {
  const head = { kind: "copies", id, title: `Title of ${id}`, notes: [`Note on ${id}.`], rows } as const;
  return reference === undefined ? head : { ...head, reference };
}

export function timesOf(id: string, milliseconds: readonly number[]): TimeTable {
  return { kind: "times", id, title: `Title of ${id}`, notes: [], milliseconds };
}

/** A table with a row for each id, and a column for each name of its values; all in seconds. */
export function figuresOf(id: string, rows: Readonly<Record<string, Record<string, number>>>): FigureTable {
  const names = new Set(Object.values(rows).flatMap(Object.keys));
  return {
    kind: "figures",
    id,
    title: `Title of ${id}`,
    notes: [`Note on ${id}.`],
    columns: [...names].map((name) => ({ id: name, head: `head of ${name}`, unit: "s" })),
    rows: Object.entries(rows).map(([row, values]) => ({ id: row, label: `label of ${row}`, values })),
  };
}

export function suiteOf(
  name: string,
  tables: SuiteReport["tables"],
  changes: Partial<SuiteReport> = {},
): SuiteReport {
  return {
    name,
    measuredAt: "2026-01-02T03:04:05.000Z",
    seconds: 130,
    machine: { CPU: "Imaginary 9000, 2 cores", Memory: "24.0 GiB" },
    loadBefore: 0.1,
    ours: "0.1.0, commit 123",
    versions: ["rclone v1.60"],
    reducedBy: "",
    tables,
    ...changes,
  };
}
