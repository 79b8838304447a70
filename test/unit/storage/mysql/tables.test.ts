/** The tables that a migration needs, those of Tessera v1.0.4 (storage/aws/aws.go) and one of ours. */

import { expect, it } from "vitest";
import { missingTables } from "../../../../storage/bucket/table-schema.ts";
import { MYSQL } from "../../../../storage/mysql/tables.ts";

it("an empty database gets Tessera's tables, letter by letter as Tessera makes them, and ours", () => {
  expect(missingTables(MYSQL, new Map(), "", "mysql://db.example/log")).toEqual([
    "CREATE TABLE IF NOT EXISTS Tessera (id INT UNSIGNED NOT NULL, compatibilityVersion BIGINT UNSIGNED NOT NULL, PRIMARY KEY (id))",
    "CREATE TABLE IF NOT EXISTS SeqCoord (id INT UNSIGNED NOT NULL, next BIGINT UNSIGNED NOT NULL, PRIMARY KEY (id))",
    "CREATE TABLE IF NOT EXISTS Seq (id INT UNSIGNED NOT NULL, seq BIGINT UNSIGNED NOT NULL, v LONGBLOB, PRIMARY KEY (id, seq))",
    "CREATE TABLE IF NOT EXISTS IntCoord (id INT UNSIGNED NOT NULL, seq BIGINT UNSIGNED NOT NULL, rootHash TINYBLOB NOT NULL, PRIMARY KEY (id))",
    "CREATE TABLE IF NOT EXISTS PubCoord (id INT UNSIGNED NOT NULL, publishedAt BIGINT NOT NULL, size BIGINT UNSIGNED, PRIMARY KEY (id))",
    "CREATE TABLE IF NOT EXISTS GCCoord (id INT UNSIGNED NOT NULL, fromSize BIGINT NOT NULL, PRIMARY KEY (id))",
    "CREATE TABLE IF NOT EXISTS TlogMigrate (id INT UNSIGNED NOT NULL, marker MEDIUMBLOB, record MEDIUMBLOB, place BLOB, PRIMARY KEY (id))",
  ]);
});

it("a table of publications as Tessera v1.0.0 made it gets its size", () => {
  const columns = Object.entries(MYSQL.columns).map(([name, all]) => {
    const names = all.map((column) => column.split(" ")[0]?.toLowerCase() ?? "");
    return [name.toLowerCase(), new Set(names)] as const;
  });
  const schema = new Map(columns);
  expect(missingTables(MYSQL, schema, "", "d")).toEqual([]);
  schema.get("pubcoord")?.delete("size");
  expect(missingTables(MYSQL, schema, "", "d")).toEqual([
    "ALTER TABLE PubCoord ADD COLUMN size BIGINT UNSIGNED",
  ]);
});
