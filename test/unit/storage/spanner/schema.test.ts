/** The tables that a migration needs, those of Tessera v1.0.4 (storage/gcp/gcp.go) and one of ours. */

import { describe, expect, it } from "vitest";
import { TargetRefusedError, UsageError } from "../../../../lib/errors.ts";
import {
  columnsOf,
  missingTables as missingTablesOf,
  type Schema,
  TableSchema,
} from "../../../../storage/bucket/table-schema.ts";
import { requireTablePrefix, SPANNER } from "../../../../storage/spanner/schema.ts";

const DATABASE = "projects/p/instances/i/databases/d";

/** Tables with their columns, as a database of Tessera's has them. */
const TESSERA = {
  GCCoord: ["id", "fromSize"],
  IntCoord: ["id", "seq", "rootHash"],
  PubCoord: ["id", "publishedAt", "size"],
  Seq: ["id", "seq", "v"],
  SeqCoord: ["id", "next"],
  Tessera: ["id", "compatibilityVersion"],
};
const OURS = { TlogMigrate: ["id", "marker", "record", "place"] };

const missingTables = (...found: [Schema, prefix: string, database: string]) =>
  missingTablesOf(SPANNER, ...found);

function schemaOf(tables: Readonly<Record<string, readonly string[]>>, prefix = ""): Schema {
  const lower = (name: string) => name.toLowerCase();
  return new Map(
    Object.entries(tables).map(([name, columns]) => [lower(prefix + name), new Set(columns.map(lower))]),
  );
}

it("an empty database gets Tessera's tables, letter by letter as Tessera makes them, and ours", () => {
  expect(missingTables(schemaOf({}), "", DATABASE)).toEqual([
    "CREATE TABLE IF NOT EXISTS Tessera (id INT64 NOT NULL, compatibilityVersion INT64 NOT NULL) PRIMARY KEY (id)",
    "CREATE TABLE IF NOT EXISTS SeqCoord (id INT64 NOT NULL, next INT64 NOT NULL) PRIMARY KEY (id)",
    "CREATE TABLE IF NOT EXISTS Seq (id INT64 NOT NULL, seq INT64 NOT NULL, v BYTES(MAX)) PRIMARY KEY (id, seq)",
    "CREATE TABLE IF NOT EXISTS IntCoord (id INT64 NOT NULL, seq INT64 NOT NULL, rootHash BYTES(32)) PRIMARY KEY (id)",
    "CREATE TABLE IF NOT EXISTS PubCoord (id INT64 NOT NULL, publishedAt TIMESTAMP NOT NULL, size INT64) PRIMARY KEY (id)",
    "CREATE TABLE IF NOT EXISTS GCCoord (id INT64 NOT NULL, fromSize INT64 NOT NULL) PRIMARY KEY (id)",
    "CREATE TABLE IF NOT EXISTS TlogMigrate (id INT64 NOT NULL, marker STRING(MAX), record STRING(MAX), place STRING(MAX)) PRIMARY KEY (id)",
  ]);
});

it("tables that another process makes are seen, and what is whole is read once", async () => {
  let [tables, reads] = [{}, 0];
  const read = async () => {
    reads++;
    return schemaOf(tables);
  };
  const schema = new TableSchema(
    SPANNER,
    { database: DATABASE, prefix: "" },
    { read, change: async () => {} },
  );
  expect((await schema.present()).size).toBe(0);
  tables = { ...TESSERA, ...OURS };
  for (let look = 0; look < 3; look++) expect((await schema.present()).size).toBe(7);
  expect(reads).toBe(2);
});

describe("a database with tables", () => {
  it("gets what is missing", () => {
    const missing = missingTables(schemaOf(TESSERA), "", DATABASE);
    expect(missing).toEqual([expect.stringMatching(/^CREATE TABLE IF NOT EXISTS TlogMigrate /)]);
    expect(missingTables(schemaOf({ ...TESSERA, ...OURS }), "", DATABASE)).toEqual([]);
  });

  it("may have others, and those of another prefix", () => {
    expect(missingTables(schemaOf(TESSERA), "other_", DATABASE)).toHaveLength(7);
    expect(missingTables(schemaOf(TESSERA, "Log1_"), "log1_", DATABASE)).toHaveLength(1);
    expect(columnsOf(schemaOf(TESSERA), "other_", "Seq")).toBeUndefined();
    expect(columnsOf(schemaOf(TESSERA, "Log1_"), "log1_", "Seq")).toEqual(new Set(["id", "seq", "v"]));
  });

  it.each([
    ["Tessera v1.0.0", { ...OURS, PubCoord: ["id", "publishedAt"] }, "PubCoord", "size INT64"],
    ["ours", { TlogMigrate: ["id", "marker", "record"] }, "TlogMigrate", "place STRING(MAX)"],
  ])("of an earlier version of %s gets the column that came later", (_whose, older, table, column) => {
    const schema = schemaOf({ ...TESSERA, ...older }, "log1_");
    const statement = `ALTER TABLE log1_${table} ADD COLUMN IF NOT EXISTS ${column}`;
    expect(missingTables(schema, "log1_", DATABASE)).toEqual([statement]);
  });

  it("with a different schema is refused", () => {
    const other = schemaOf({ ...TESSERA, Tessera: ["id", "version"] });
    expect(() => missingTables(other, "", DATABASE)).toThrow(TargetRefusedError);
    expect(() => missingTables(other, "", DATABASE)).toThrow(/Tessera.*no column compatibilityVersion/);
  });
});

describe("a table prefix", () => {
  it.each(["", "a", "Log_2026", `a${"b".repeat(63)}`])("may be %j", (prefix) => {
    expect(requireTablePrefix(prefix)).toBe(prefix);
  });

  it.each(["_a", "1a", "a-b", "a b", "a;", `a${"b".repeat(64)}`])("may not be %j", (prefix) => {
    expect(() => requireTablePrefix(prefix)).toThrow(UsageError);
  });
});
