/**
 * The tables in which Tessera's driver for Google Cloud keeps the private state of a log (storage/gcp/gcp.go of
 * github.com/transparency-dev/tessera, v1.0.4), and one of ours next to them.
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
 * Columns that older tables lack: Tessera v1.0.0 made the first without it, and later ones add it where it is missing;
 * our own first versions made the second without it.
 */
const LATER_COLUMNS: Readonly<Record<string, string>> = { PubCoord: "size", TlogMigrate: "place" };

/** The columns of each table, by its name. All names are in lower case: Spanner does not tell case apart. */
export type Schema = ReadonlyMap<string, ReadonlySet<string>>;

/** The columns of a table of ours or Tessera's, undefined if there is no such table. */
export function columnsOf(schema: Schema, prefix: string, name: TableName): ReadonlySet<string> | undefined {
  return schema.get((prefix + name).toLowerCase());
}

/** @throws UsageError if Tessera would not take it (main of 2026; v1.0.4 has no prefix at all). */
export function requireTablePrefix(prefix: string): string {
  if (prefix === "" || /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(prefix)) return prefix;
  throw new UsageError({
    object: "--spanner-table-prefix",
    problem: "cannot begin the name of a table",
    expected: "a letter, then letters, digits and underscores, at most 64",
    found: prefix,
  });
}

/**
 * The statements that bring a database to what a migration needs; none if it has it all.
 * @throws TargetRefusedError if a table of one of these names has a different schema.
 */
export function missingTables(schema: Schema, prefix: string, database: string): string[] {
  return Object.entries(TABLES).flatMap(([name, { columns, key }]) => {
    const found = columnsOf(schema, prefix, name as TableName);
    if (found === undefined) {
      const list = Object.entries(columns).map(([column, type]) => `${column} ${type}`);
      return [`CREATE TABLE IF NOT EXISTS ${prefix}${name} (${list.join(", ")}) PRIMARY KEY (${key})`];
    }
    const missing = Object.keys(columns).filter((column) => !found.has(column.toLowerCase()));
    if (missing.length === 0) return [];
    const later = LATER_COLUMNS[name];
    if (later !== undefined && missing.join() === later) {
      return [`ALTER TABLE ${prefix}${name} ADD COLUMN IF NOT EXISTS ${later} ${columns[later]}`];
    }
    throw new TargetRefusedError({
      object: `${database}: the table ${prefix}${name}`,
      problem: `has a different schema than Tessera's: it has no column ${missing[0]}`,
      advice: "Name another database, or another --spanner-table-prefix",
    });
  });
}
