/** The tables of a log in Spanner. */

import type { Snapshot, Transaction } from "@google-cloud/spanner";
import { readState } from "../bucket/table-rows.ts";
import { columnsOf, type Schema, TableSchema } from "../bucket/table-schema.ts";
import type { RowChanges, RowReader, StateTables, TableName, Value } from "../bucket/tables.ts";
import { SpannerDatabase } from "./database.ts";
import { requireTablePrefix, SPANNER } from "./schema.ts";

const ROW = { id: 0 } as const;

export class SpannerTables implements StateTables {
  readonly database: string;
  readonly prefix: string;
  // Long ago.
  readonly unpublished = { publishedAt: new Date(0).toISOString(), size: 0 };
  readonly #database: SpannerDatabase;
  readonly #schema: TableSchema;

  /** @param database `projects/P/instances/I/databases/D` */
  constructor(database: string, prefix: string, signal?: AbortSignal) {
    this.database = database;
    this.prefix = requireTablePrefix(prefix);
    this.#database = new SpannerDatabase(database, signal);
    this.#schema = new TableSchema(SPANNER, this, {
      read: () => this.#database.schema(),
      change: (statements) => this.#database.changeSchema(statements),
    });
  }

  prepare(): Promise<void> {
    return this.#schema.prepare();
  }

  async look<T>(read: (reader: RowReader) => Promise<T>): Promise<T> {
    const schema = await this.#schema.present();
    return await this.#database.use(async (database) => {
      const [snapshot] = await database.getSnapshot();
      try {
        return await read(this.#reader(snapshot, schema));
      } finally {
        snapshot.end();
      }
    });
  }

  async write(work: Parameters<StateTables["write"]>[0]): Promise<void> {
    const schema = await this.#schema.complete();
    let runs = 0;
    await this.#database.use((database) =>
      database.runTransactionAsync(async (transaction) => {
        try {
          const state = await readState(this.#reader(transaction, schema));
          work(this.#changes(transaction), state, runs++ > 0);
        } catch (error) {
          // The library keeps its locks otherwise, and the next transaction waits for them.
          await transaction.rollback().catch(() => {});
          throw error;
        }
        await transaction.commit();
      }),
    );
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #changes(transaction: Transaction): RowChanges {
    const table = (name: TableName): string => this.prefix + name;
    return {
      insert: (name, row) => transaction.insert(table(name), { ...ROW, ...row }),
      upsert: (name, row) => transaction.upsert(table(name), { ...ROW, ...row }),
      update: (name, row) => transaction.update(table(name), { ...ROW, ...row }),
      remove: (name) => transaction.deleteRows(table(name), [[`${ROW.id}`]]),
    };
  }

  #reader(snapshot: Snapshot, schema: Schema): RowReader {
    return {
      row: async (name, ...wanted) => {
        const present = columnsOf(schema, this.prefix, name);
        if (present === undefined) return undefined;
        const columns = wanted.filter((column) => present.has(column.toLowerCase()));
        // Wrapped: the library throws at an integer that JavaScript cannot count to.
        const asObjects = { json: true, jsonOptions: { wrapNumbers: true } };
        const [rows] = await snapshot.read(this.prefix + name, {
          keys: ["0"],
          columns,
          ...asObjects,
          limit: 1,
        });
        const [row] = rows as unknown as Record<string, unknown>[];
        return (
          row && Object.fromEntries(Object.entries(row).map(([column, value]) => [column, plain(value)]))
        );
      },
      hasEntries: async () => {
        if (columnsOf(schema, this.prefix, "Seq") === undefined) return false;
        const range = { startClosed: ["0"], endClosed: ["0"] };
        const [rows] = await snapshot.read(`${this.prefix}Seq`, {
          ranges: [range],
          columns: ["seq"],
          limit: 1,
        });
        return rows.length > 0;
      },
    };
  }
}

/** A value of the client library's, whose integers are objects. */
function plain(value: unknown): Value {
  if (value instanceof Date) return BigInt(value.getTime());
  if (value === null || typeof value === "string" || value instanceof Uint8Array) return value;
  return BigInt((value as { readonly value: string }).value);
}
