/** The tables of a log as Tessera's driver for AWS makes them (storage/aws/aws.go of v1.0.4), and ours, in MySQL. */

import { TargetRefusedError } from "../../lib/errors.ts";
import { readState } from "../bucket/table-rows.ts";
import { columnsOf, type Schema, type TableDialect, TableSchema } from "../bucket/table-schema.ts";
import type { RowChanges, RowReader, StateTables, TableName, Value } from "../bucket/tables.ts";
import { MysqlDatabase, type MysqlLogin, type Session } from "./database.ts";

const ID = "id INT UNSIGNED NOT NULL";

export const MYSQL: TableDialect = {
  columns: {
    Tessera: [ID, "compatibilityVersion BIGINT UNSIGNED NOT NULL"],
    SeqCoord: [ID, "next BIGINT UNSIGNED NOT NULL"],
    Seq: [ID, "seq BIGINT UNSIGNED NOT NULL", "v LONGBLOB"],
    IntCoord: [ID, "seq BIGINT UNSIGNED NOT NULL", "rootHash TINYBLOB NOT NULL"],
    PubCoord: [ID, "publishedAt BIGINT NOT NULL", "size BIGINT UNSIGNED"],
    GCCoord: [ID, "fromSize BIGINT NOT NULL"],
    // Not TEXT: the character set of a database may have few characters.
    TlogMigrate: [ID, "marker MEDIUMBLOB", "record MEDIUMBLOB", "place BLOB"],
  },
  laterColumns: { PubCoord: "size BIGINT UNSIGNED" },
  create: (table, columns, key) =>
    `CREATE TABLE IF NOT EXISTS ${table} (${columns.join(", ")}, PRIMARY KEY (${key}))`,
  addColumn: (table, column) => `ALTER TABLE ${table} ADD COLUMN ${column}`,
  advice: "Name another database",
};

const TEXTS = ["marker", "record", "place"];

/** Their names are exact unless the server has case make no difference. */
const COLUMNS = `
  SELECT c.TABLE_NAME AS tableName, c.COLUMN_NAME AS columnName, t.ENGINE AS engine,
    @@lower_case_table_names AS foldsCase
  FROM information_schema.COLUMNS c JOIN information_schema.TABLES t USING (TABLE_SCHEMA, TABLE_NAME)
  WHERE TABLE_SCHEMA = DATABASE()`;

export class MysqlTables implements StateTables {
  readonly database: string;
  readonly prefix = "";
  /** No size at all: with 0, an empty log would go without a checkpoint. */
  readonly unpublished = { publishedAt: 0, size: null };
  readonly #database: MysqlDatabase;
  readonly #schema: TableSchema;

  constructor(login: MysqlLogin, signal?: AbortSignal) {
    this.#database = new MysqlDatabase(login, signal);
    this.database = this.#database.shown;
    this.#schema = new TableSchema(MYSQL, this, {
      read: () => this.#database.use((session) => this.#readSchema(session)),
      change: (statements) =>
        this.#database.use(async (session) => {
          await session.query("SET SESSION default_storage_engine = InnoDB");
          for (const statement of statements) await session.query(statement);
        }),
    });
  }

  prepare(): Promise<void> {
    return this.#schema.prepare();
  }

  async look<T>(read: (reader: RowReader) => Promise<T>): Promise<T> {
    const schema = await this.#schema.present();
    return await this.#database.use(async (session) => {
      await session.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
      await session.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
      return await read(readerOver(session, schema));
    });
  }

  /** Every row that is looked at is locked, and where there is none, its place. */
  async write(work: Parameters<StateTables["write"]>[0]): Promise<void> {
    const schema = await this.#schema.complete();
    let mayBeDone = false;
    await this.#database.use(async (session) => {
      await session.query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
      await session.query("START TRANSACTION");
      const state = await readState(readerOver(session, schema, " FOR UPDATE"));
      const changes: Change[] = [];
      work(collecting(changes), state, mayBeDone);
      for (const { sql, values, expected } of changes) {
        const met = await session.change(sql, values);
        if (expected !== undefined && met !== expected) throw new Error(`${sql} met ${met} rows`);
      }
      mayBeDone = true;
      await session.query("COMMIT");
    });
  }

  async close(): Promise<void> {}

  async #readSchema(session: Session): Promise<Schema> {
    const schema = new Map<string, Set<string>>();
    for (const { tableName, columnName, engine, foldsCase } of await session.query(COLUMNS)) {
      const [found, table] = [`${tableName}`, `${tableName}`.toLowerCase()];
      const name = Object.keys(MYSQL.columns).find((each) => each.toLowerCase() === table);
      if (name === undefined || (name !== found && `${foldsCase}` === "0")) continue;
      // Without transactions, a crash would leave a half of a handover.
      if (engine !== "InnoDB") {
        throw new TargetRefusedError({
          object: `${this.database}: the table ${found}`,
          problem: "is kept by another storage engine than the log software's",
          expected: "InnoDB",
          found: `${engine}`,
          advice: "Name another database",
        });
      }
      schema.set(table, (schema.get(table) ?? new Set()).add(`${columnName}`.toLowerCase()));
    }
    return schema;
  }
}

interface Change {
  readonly sql: string;
  readonly values: readonly unknown[];
  /** How many rows it is to meet, where that is certain. */
  readonly expected?: number;
}

function collecting(changes: Change[]): RowChanges {
  const parts = (row: Readonly<Record<string, unknown>>) => {
    const values = Object.values(row).map((value) =>
      typeof value === "string" ? Buffer.from(value) : value,
    );
    const [columns, marks] = [Object.keys(row).join(", "), values.map(() => "?").join(", ")];
    const assigned = Object.keys(row).map((column) => `${column} = ?`);
    return { values, insertion: `(id, ${columns}) VALUES (0, ${marks})`, assigned: assigned.join(", ") };
  };
  return {
    insert(table, row) {
      const { values, insertion } = parts(row);
      changes.push({ sql: `INSERT INTO ${table} ${insertion}`, values, expected: 1 });
    },
    upsert(table, row) {
      const { values, insertion, assigned } = parts(row);
      const sql = `INSERT INTO ${table} ${insertion} ON DUPLICATE KEY UPDATE ${assigned}`;
      changes.push({ sql, values: [...values, ...values] });
    },
    update(table, row) {
      const { values, assigned } = parts(row);
      changes.push({ sql: `UPDATE ${table} SET ${assigned} WHERE id = 0`, values, expected: 1 });
    },
    remove(table) {
      changes.push({ sql: `DELETE FROM ${table} WHERE id = 0`, values: [] });
    },
  };
}

/** @param lock what a SELECT ends with. */
function readerOver(session: Session, schema: Schema, lock = ""): RowReader {
  const select = async (columns: readonly string[], table: TableName) => {
    const [row] = await session.query(
      `SELECT ${columns.join(", ")} FROM ${table} WHERE id = 0 LIMIT 1${lock}`,
    );
    return row;
  };
  return {
    async row(table, ...wanted) {
      const present = columnsOf(schema, "", table);
      if (present === undefined) return undefined;
      const columns = wanted.filter((column) => present.has(column.toLowerCase()));
      const row = await select(columns, table);
      return row && Object.fromEntries(columns.map((column) => [column, plain(column, row[column])]));
    },
    async hasEntries() {
      if (columnsOf(schema, "", "Seq") === undefined) return false;
      return (await select(["seq"], "Seq")) !== undefined;
    },
  };
}

function plain(column: string, value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (!(value instanceof Uint8Array)) return BigInt(value as string | number);
  return TEXTS.includes(column) ? Buffer.from(value).toString("utf8") : value;
}
