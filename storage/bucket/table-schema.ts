/** Which tables a database has, and which it lacks. */

import { TargetRefusedError } from "../../lib/errors.ts";
import type { StateTables, TableName } from "./tables.ts";

/** How a kind of database makes tables. */
export interface TableDialect {
  /** The columns of each table, a name and a type each, of which the first is the id. */
  readonly columns: Readonly<Record<TableName, readonly string[]>>;
  /** Columns that tables of Tessera v1.0.0, which later ones add to them, and of our own first versions lack. */
  readonly laterColumns: Partial<Readonly<Record<TableName, string>>>;
  create(table: string, columns: readonly string[], key: string): string;
  addColumn(table: string, column: string): string;
  /** What to do about tables of somebody else. */
  readonly advice: string;
}

/** The columns of each table, by its name. All names are in lower case. */
export type Schema = ReadonlyMap<string, ReadonlySet<string>>;

/** The columns of a table of ours or Tessera's, undefined if there is no such table. */
export function columnsOf(schema: Schema, prefix: string, name: string): ReadonlySet<string> | undefined {
  return schema.get((prefix + name).toLowerCase());
}

/** The statements that make what is missing. @throws TargetRefusedError if a table has a different schema. */
export function missingTables(
  dialect: TableDialect,
  schema: Schema,
  prefix: string,
  database: string,
): string[] {
  return (Object.keys(dialect.columns) as TableName[]).flatMap((name) => {
    const [table, columns] = [prefix + name, dialect.columns[name]];
    const found = columnsOf(schema, prefix, name);
    if (found === undefined) return [dialect.create(table, columns, name === "Seq" ? "id, seq" : "id")];
    const [missing, ...others] = columns.filter((column) => !found.has(columnName(column).toLowerCase()));
    if (missing === undefined) return [];
    if (others.length === 0 && missing === dialect.laterColumns[name]) {
      return [dialect.addColumn(table, missing)];
    }
    throw new TargetRefusedError({
      object: `${database}: the table ${table}`,
      problem: `has a different schema than Tessera's: it has no column ${columnName(missing)}`,
      advice: dialect.advice,
    });
  });
}

function columnName(column: string): string {
  return column.slice(0, column.indexOf(" "));
}

/**
 * The tables of a log that exist. The schema is cached only once it is complete: another process may create missing
 * tables at any time, and nobody removes tables during a copy.
 */
export class TableSchema {
  readonly #dialect: TableDialect;
  readonly #tables: Pick<StateTables, "database" | "prefix">;
  readonly #access: SchemaAccess;
  #schema: Schema | undefined;

  constructor(dialect: TableDialect, tables: Pick<StateTables, "database" | "prefix">, access: SchemaAccess) {
    this.#dialect = dialect;
    this.#tables = tables;
    this.#access = access;
  }

  /** @throws TargetRefusedError if a table has a different schema. */
  async present(): Promise<Schema> {
    return (await this.#found()).schema;
  }

  /** With all that a migration needs, which is made. A claim of an earlier version of ours may lack a column. */
  async complete(): Promise<Schema> {
    if ((await this.#found()).missing.length > 0) await this.prepare();
    return await this.present();
  }

  async prepare(): Promise<void> {
    this.#schema = undefined;
    const { missing } = await this.#found();
    if (missing.length > 0) await this.#access.change(missing);
    this.#schema = undefined;
  }

  async #found(): Promise<{ schema: Schema; missing: string[] }> {
    const schema = this.#schema ?? (await this.#access.read());
    const { prefix, database } = this.#tables;
    const missing = missingTables(this.#dialect, schema, prefix, database);
    this.#schema = missing.length === 0 ? schema : undefined;
    return { schema, missing };
  }
}

export interface SchemaAccess {
  read(): Promise<Schema>;
  change(statements: string[]): Promise<void>;
}
