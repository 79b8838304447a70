/**
 * The tables in which Tessera's driver for Google Cloud keeps the private state of a log (storage/gcp/gcp.go of
 * github.com/transparency-dev/tessera, v1.0.4), and one of ours beside them.
 */

import { TargetRefusedError, UsageError } from "../../lib/errors.ts";

/** The one version that Tessera's lifecycles accept. */
export const COMPATIBLE_VERSION = 1;

/** While a copy is unfinished: every lifecycle of Tessera refuses it. */
export const GUARD_VERSION = 0;

interface Table {
  readonly columns: Readonly<Record<string, string>>;
  readonly key: string;
}

const TESSERA_TABLES = {
  Tessera: { columns: { id: "INT64 NOT NULL", compatibilityVersion: "INT64 NOT NULL" }, key: "id" },
  SeqCoord: { columns: { id: "INT64 NOT NULL", next: "INT64 NOT NULL" }, key: "id" },
  Seq: { columns: { id: "INT64 NOT NULL", seq: "INT64 NOT NULL", v: "BYTES(MAX)" }, key: "id, seq" },
  IntCoord: { columns: { id: "INT64 NOT NULL", seq: "INT64 NOT NULL", rootHash: "BYTES(32)" }, key: "id" },
  PubCoord: {
    columns: { id: "INT64 NOT NULL", publishedAt: "TIMESTAMP NOT NULL", size: "INT64" },
    key: "id",
  },
  GCCoord: { columns: { id: "INT64 NOT NULL", fromSize: "INT64 NOT NULL" }, key: "id" },
} satisfies Record<string, Table>;

/** The marker while a migration is unfinished, the record once it is finished; and where the log's objects are. */
const OUR_TABLES = {
  TlogMigrate: {
    columns: { id: "INT64 NOT NULL", marker: "STRING(MAX)", record: "STRING(MAX)", place: "STRING(MAX)" },
    key: "id",
  },
} satisfies Record<string, Table>;

const TABLES: Record<TableName, Table> = { ...TESSERA_TABLES, ...OUR_TABLES };

export type TableName = keyof typeof TESSERA_TABLES | keyof typeof OUR_TABLES;

/**
 * Columns that tables of earlier make lack: Tessera v1.0.0 made the first without it, and later ones add it where it
 * is missing; our own first versions the second.
 */
const LATER_COLUMNS: Readonly<Record<string, string>> = { PubCoord: "size", TlogMigrate: "place" };

/** The tables that a schema has, with their columns in lower case. */
export type PresentTables = ReadonlyMap<TableName, ReadonlySet<string>>;

/** @throws UsageError if Tessera would not take it (main of 2026; v1.0.4 has no prefix at all). */
export function requireTablePrefix(prefix: string): string {
  if (prefix === "" || /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(prefix)) return prefix;
  throw new UsageError({
    object: "--spanner-table-prefix",
    problem: "cannot stand before the name of a table",
    expected: "a letter, then letters, digits and underscores, at most 64",
    found: prefix,
  });
}

/**
 * The statements that bring a database to what a migration needs; none if it has it all.
 * @param existing the statements of its present schema.
 * @throws TargetRefusedError if a table of one of these names is of another make.
 */
export function missingTables(existing: readonly string[], prefix: string, database: string): string[] {
  const found = new Map(existing.flatMap(parseCreateTable));
  return Object.entries(TABLES).flatMap(([name, { columns, key }]) => {
    const there = found.get((prefix + name).toLowerCase());
    if (there === undefined) {
      const list = Object.entries(columns).map(([column, type]) => `${column} ${type}`);
      return [`CREATE TABLE IF NOT EXISTS ${prefix}${name} (${list.join(", ")}) PRIMARY KEY (${key})`];
    }
    const missing = Object.keys(columns).filter((column) => !there.has(column.toLowerCase()));
    if (missing.length === 0) return [];
    const later = LATER_COLUMNS[name];
    if (later !== undefined && missing.join() === later) {
      return [`ALTER TABLE ${prefix}${name} ADD COLUMN IF NOT EXISTS ${later} ${columns[later]}`];
    }
    throw new TargetRefusedError({
      object: `${database}: the table ${prefix}${name}`,
      problem: `is of another make than Tessera's: it has no column ${missing[0]}`,
      advice: "Name another database, or another --spanner-table-prefix",
    });
  });
}

/** Which of the tables a schema has. */
export function presentTables(existing: readonly string[], prefix: string): PresentTables {
  const found = new Map(existing.flatMap(parseCreateTable));
  const present = new Map<TableName, ReadonlySet<string>>();
  for (const name of Object.keys(TABLES) as TableName[]) {
    const columns = found.get((prefix + name).toLowerCase());
    if (columns !== undefined) present.set(name, columns);
  }
  return present;
}

/** The name of a table that a statement creates and its columns, in lower case: Spanner tells no case apart. */
function parseCreateTable(statement: string): [name: string, columns: ReadonlySet<string>][] {
  const match =
    /^\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?[`"]?(\w+)[`"]?\s*\(([\s\S]*)\)\s*PRIMARY\s+KEY/i.exec(
      statement,
    );
  if (match === null) return [];
  const [, name = "", columns = ""] = match;
  const names = columns.matchAll(/(?:^|,)\s*[`"]?(\w+)[`"]?\s+\w/g);
  return [[name.toLowerCase(), new Set([...names].map(([, column = ""]) => column.toLowerCase()))]];
}
