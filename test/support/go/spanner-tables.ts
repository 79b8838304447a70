/** The tables of an emulated Spanner database, read and written past the program. */

import { type Database, Spanner } from "@google-cloud/spanner";

export type Row = Readonly<Record<string, unknown>>;

/** Names in full, `projects/P/instances/I/databases/D`. */
export class SpannerTables implements AsyncDisposable {
  readonly #spanner: Spanner;
  readonly #database: Database;

  constructor(name: string) {
    const [, projectId = "", , instance = "", , database = ""] = name.split("/");
    this.#spanner = new Spanner({ projectId, disableBuiltInMetrics: true });
    this.#database = this.#spanner.instance(instance).database(database);
  }

  /** The row of a table that has one. */
  async row(table: string, ...columns: string[]): Promise<Row | undefined> {
    const [snapshot] = await this.#database.getSnapshot();
    const [rows] = await snapshot.read(table, { keys: ["0"], columns, json: true });
    snapshot.end();
    return rows[0] as Row | undefined;
  }

  async put(table: string, row: object): Promise<void> {
    await this.#database.table(table).upsert({ id: 0, ...row });
  }

  /** Changes columns of a row that is there. */
  async update(table: string, row: object): Promise<void> {
    await this.#database.table(table).update({ id: 0, ...row });
  }

  /** Removes the row of tables that have one. */
  async remove(...tables: string[]): Promise<void> {
    for (const table of tables) await this.#database.table(table).deleteRows([0]);
  }

  async schema(): Promise<string[]> {
    return (await this.#database.getSchema())[0];
  }

  async make(...statements: string[]): Promise<void> {
    const [operation] = await this.#database.updateSchema(statements);
    await operation.promise();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#spanner.close();
  }
}
