/**
 * The tables in which Tessera's driver for Google Cloud keeps the private state of a log (storage/gcp/gcp.go of
 * github.com/transparency-dev/tessera, v1.0.4), and one of ours next to them.
 */

import { TargetRefusedError, UsageError } from "../../lib/errors.ts";

/** The one version that Tessera's lifecycles accept. */
export const COMPATIBLE_VERSION = 1;

/** While a copy is unfinished: every lifecycle of Tessera refuses it. */
export const GUARD_VERSION = 0;

const ID = "id INT64 NOT NULL";

const TABLES = {
  Tessera: [ID, "compatibilityVersion INT64 NOT NULL"],
  SeqCoord: [ID, "next INT64 NOT NULL"],
  Seq: [ID, "seq INT64 NOT NULL", "v BYTES(MAX)"],
  IntCoord: [ID, "seq INT64 NOT NULL", "rootHash BYTES(32)"],
  PubCoord: [ID, "publishedAt TIMESTAMP NOT NULL", "size INT64"],
  GCCoord: [ID, "fromSize INT64 NOT NULL"],
  /** Ours: the marker of an unfinished migration or the record of a finished one, and where the log's objects are. */
  TlogMigrate: [ID, "marker STRING(MAX)", "record STRING(MAX)", "place STRING(MAX)"],
} satisfies Record<string, readonly string[]>;

export type TableName = keyof typeof TABLES;

/** Columns that tables of Tessera v1.0.0, which later ones add to them, and of our own first versions lack. */
const LATER_COLUMNS: Readonly<Record<string, string>> = {
  PubCoord: "size INT64",
  TlogMigrate: "place STRING(MAX)",
};

/** The columns of each table, by its name. All names are in lower case: Spanner ignores case. */
export type Schema = ReadonlyMap<string, ReadonlySet<string>>;

/** The columns of a table of ours or Tessera's, undefined if there is no such table. */
export function columnsOf(schema: Schema, prefix: string, name: string): ReadonlySet<string> | undefined {
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

/** The statements that make what is missing. @throws TargetRefusedError if a table has a different schema. */
export function missingTables(schema: Schema, prefix: string, database: string): string[] {
  return Object.entries(TABLES).flatMap(([name, columns]) => {
    const table = prefix + name;
    const found = columnsOf(schema, prefix, name);
    if (found === undefined) {
      const key = name === "Seq" ? "id, seq" : "id";
      return [`CREATE TABLE IF NOT EXISTS ${table} (${columns.join(", ")}) PRIMARY KEY (${key})`];
    }
    const [missing, ...others] = columns.filter((column) => !found.has(columnName(column).toLowerCase()));
    if (missing === undefined) return [];
    if (others.length === 0 && missing === LATER_COLUMNS[name]) {
      return [`ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${missing}`];
    }
    throw new TargetRefusedError({
      object: `${database}: the table ${table}`,
      problem: `has a different schema than Tessera's: it has no column ${columnName(missing)}`,
      advice: "Name another database, or another --spanner-table-prefix",
    });
  });
}

function columnName(column: string): string {
  return column.slice(0, column.indexOf(" "));
}
