/** The tables that a migration needs, those of Tessera v1.0.4 (storage/gcp/gcp.go) and one of ours. */

import { describe, expect, it } from "vitest";
import { TargetRefusedError, UsageError } from "../../../../lib/errors.ts";
import { missingTables, presentTables, requireTablePrefix } from "../../../../storage/spanner/schema.ts";

const DATABASE = "projects/p/instances/i/databases/d";

/** As Spanner gives them back (GetDatabaseDdl). */
const TESSERA = [
  "CREATE TABLE GCCoord (\n  id INT64 NOT NULL,\n  fromSize INT64 NOT NULL,\n) PRIMARY KEY(id)",
  "CREATE TABLE IntCoord (\n  id INT64 NOT NULL,\n  seq INT64 NOT NULL,\n  rootHash BYTES(32),\n) PRIMARY KEY(id)",
  "CREATE TABLE PubCoord (\n  id INT64 NOT NULL,\n  publishedAt TIMESTAMP NOT NULL,\n  size INT64,\n) PRIMARY KEY(id)",
  "CREATE TABLE Seq (\n  id INT64 NOT NULL,\n  seq INT64 NOT NULL,\n  v BYTES(MAX),\n) PRIMARY KEY(id, seq)",
  "CREATE TABLE SeqCoord (\n  id INT64 NOT NULL,\n  next INT64 NOT NULL,\n) PRIMARY KEY(id)",
  "CREATE TABLE Tessera (\n  id INT64 NOT NULL,\n  compatibilityVersion INT64 NOT NULL,\n) PRIMARY KEY(id)",
];

describe("an empty database", () => {
  it("gets Tessera's tables, letter by letter as Tessera makes them, and ours", () => {
    expect(missingTables([], "", DATABASE)).toEqual([
      "CREATE TABLE IF NOT EXISTS Tessera (id INT64 NOT NULL, compatibilityVersion INT64 NOT NULL) PRIMARY KEY (id)",
      "CREATE TABLE IF NOT EXISTS SeqCoord (id INT64 NOT NULL, next INT64 NOT NULL) PRIMARY KEY (id)",
      "CREATE TABLE IF NOT EXISTS Seq (id INT64 NOT NULL, seq INT64 NOT NULL, v BYTES(MAX)) PRIMARY KEY (id, seq)",
      "CREATE TABLE IF NOT EXISTS IntCoord (id INT64 NOT NULL, seq INT64 NOT NULL, rootHash BYTES(32)) PRIMARY KEY (id)",
      "CREATE TABLE IF NOT EXISTS PubCoord (id INT64 NOT NULL, publishedAt TIMESTAMP NOT NULL, size INT64) PRIMARY KEY (id)",
      "CREATE TABLE IF NOT EXISTS GCCoord (id INT64 NOT NULL, fromSize INT64 NOT NULL) PRIMARY KEY (id)",
      "CREATE TABLE IF NOT EXISTS TlogMigrate (id INT64 NOT NULL, marker STRING(MAX), record STRING(MAX), place STRING(MAX)) PRIMARY KEY (id)",
    ]);
  });

  it("has none of them", () => {
    expect([...presentTables([], "")]).toEqual([]);
  });
});

describe("a database with tables", () => {
  it("gets what is missing", () => {
    const missing = missingTables(TESSERA, "", DATABASE);
    expect(missing).toHaveLength(1);
    expect(missing[0]).toMatch(/^CREATE TABLE IF NOT EXISTS TlogMigrate /);
    expect(missingTables([...TESSERA, ...missing], "", DATABASE)).toEqual([]);
  });

  it("may have others, and those of another prefix", () => {
    expect(missingTables(TESSERA, "other_", DATABASE)).toHaveLength(7);
    expect([...presentTables(TESSERA, "other_")]).toEqual([]);
    const prefixed = TESSERA.map((statement) => statement.replace("TABLE ", "TABLE log1_"));
    expect(presentTables(prefixed, "log1_").size).toBe(6);
  });

  it("is not told apart by case or quotes, as Spanner does not", () => {
    const quoted = TESSERA.map((statement) =>
      statement.replace(/TABLE (\w+)/, (_, name) => `TABLE \`${name.toUpperCase()}\``),
    );
    expect(presentTables(quoted, "").size).toBe(6);
  });

  it("of Tessera v1.0.0 gets the column that came later", () => {
    const older = TESSERA.map((statement) => statement.replace("  size INT64,\n", ""));
    expect(missingTables(older, "", DATABASE)[0]).toBe(
      "ALTER TABLE PubCoord ADD COLUMN IF NOT EXISTS size INT64",
    );
  });

  it("of an earlier version of ours gets the place that came later", () => {
    const table = "CREATE TABLE TlogMigrate (id INT64 NOT NULL, marker STRING(MAX), record STRING(MAX))";
    const schema = [...TESSERA, `${table} PRIMARY KEY(id)`].map((statement) =>
      statement.replace("TABLE ", "TABLE log1_"),
    );
    expect(missingTables(schema, "log1_", DATABASE)).toEqual([
      "ALTER TABLE log1_TlogMigrate ADD COLUMN IF NOT EXISTS place STRING(MAX)",
    ]);
    expect(presentTables(schema, "log1_").get("TlogMigrate")).toEqual(new Set(["id", "marker", "record"]));
  });

  it("of another make is refused", () => {
    const other = TESSERA.map((statement) => statement.replace("compatibilityVersion", "version"));
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
