/** Sunlight's lock in an SQLite database (`checkpoints` in its configuration): one row a log (internal/ctlog/sqlite.go). */

import { existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { OperationError, UsageError } from "../../lib/errors.ts";
import { type LockedLog, MAX_CHECKPOINT_BYTES, type SunlightLock } from "./lock.ts";

/** As Sunlight asks operators to make it. */
export const CREATE_TABLE = "CREATE TABLE checkpoints (logID BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT";

/** How long another process may hold the database: Sunlight's own writes take milliseconds. */
const BUSY_MS = 10_000;

export class LockDatabase implements SunlightLock {
  readonly name: string;

  /** @param path of the database, which has to exist, as for Sunlight. */
  constructor(path: string) {
    this.name = path;
  }

  /** By its log ID, or by the origin of what was signed: a name has one key. @throws OperationError if there are several. */
  async row({ origin, logId }: LockedLog): Promise<Uint8Array | undefined> {
    const start = Buffer.from(`${origin}\n`);
    const rows = await this.#open(true, (database) =>
      database
        .prepare(
          "SELECT body FROM checkpoints WHERE (logID = ? OR substr(body, 1, ?) = ?) AND length(body) <= ? LIMIT 2",
        )
        .all(logId ?? null, start.length, start, MAX_CHECKPOINT_BYTES),
    );
    if (rows.length > 1) throw this.#failure("has several logs of one origin, with different keys", origin);
    return rows[0]?.body as Uint8Array | undefined;
  }

  async prepare(): Promise<void> {}

  async insert(logId: Uint8Array, checkpoint: Uint8Array): Promise<boolean> {
    return await this.#open(false, (database) => {
      const insert = database.prepare(
        "INSERT INTO checkpoints (logID, body) VALUES (?, ?) ON CONFLICT (logID) DO NOTHING",
      );
      return insert.run(logId, checkpoint).changes === 1;
    });
  }

  async remove(logId: Uint8Array, checkpoint: Uint8Array): Promise<boolean> {
    return await this.#open(false, (database) => {
      const remove = database.prepare("DELETE FROM checkpoints WHERE logID = ? AND body = ?");
      return remove.run(logId, checkpoint).changes === 1;
    });
  }

  async close(): Promise<void> {}

  async #open<T>(readOnly: boolean, work: (database: DatabaseSync) => T): Promise<T> {
    if (!existsSync(this.name)) {
      throw new UsageError({
        object: this.name,
        problem: "does not exist: Sunlight's lock database is made by hand, so that none is made by mistake",
        advice: `Name the one that Sunlight will use; a first one is made by: sqlite3 ${this.name} '${CREATE_TABLE}'`,
      });
    }
    const { DatabaseSync } = await import("node:sqlite");
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(this.name, { readOnly, timeout: BUSY_MS });
      // As Sunlight does: a row is durable when it is answered.
      database.exec("PRAGMA synchronous = FULL; PRAGMA fullfsync = TRUE");
      return work(database);
    } catch (error) {
      throw this.#failure("could not be used as Sunlight's lock database", wordsOf(error), error);
    } finally {
      database?.close();
    }
  }

  #failure(problem: string, found: string, cause?: unknown): OperationError {
    const expected = `a table made by ${CREATE_TABLE}`;
    const advice = "Check that it is the database that Sunlight's configuration names as `checkpoints`";
    return new OperationError({ object: this.name, problem, expected, found, advice }, { cause });
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}
