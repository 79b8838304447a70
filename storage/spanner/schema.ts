/** The tables of a log as Tessera's driver for Google Cloud makes them (storage/gcp/gcp.go of v1.0.4), and ours. */

import { UsageError } from "../../lib/errors.ts";
import type { TableDialect } from "../bucket/table-schema.ts";

const ID = "id INT64 NOT NULL";

export const SPANNER: TableDialect = {
  columns: {
    Tessera: [ID, "compatibilityVersion INT64 NOT NULL"],
    SeqCoord: [ID, "next INT64 NOT NULL"],
    Seq: [ID, "seq INT64 NOT NULL", "v BYTES(MAX)"],
    IntCoord: [ID, "seq INT64 NOT NULL", "rootHash BYTES(32)"],
    PubCoord: [ID, "publishedAt TIMESTAMP NOT NULL", "size INT64"],
    GCCoord: [ID, "fromSize INT64 NOT NULL"],
    TlogMigrate: [ID, "marker STRING(MAX)", "record STRING(MAX)", "place STRING(MAX)"],
  },
  laterColumns: { PubCoord: "size INT64", TlogMigrate: "place STRING(MAX)" },
  create: (table, columns, key) =>
    `CREATE TABLE IF NOT EXISTS ${table} (${columns.join(", ")}) PRIMARY KEY (${key})`,
  addColumn: (table, column) => `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${column}`,
  advice: "Name another database, or another --spanner-table-prefix",
};

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
