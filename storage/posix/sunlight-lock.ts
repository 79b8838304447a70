/**
 * Sunlight's lock database: one row a log, with the checkpoint that the log has signed last. It is what Sunlight goes on
 * from, so that a row is only ever added here where there is none (internal/ctlog/sqlite.go of filippo.io/sunlight,
 * v0.8.1). What else Sunlight may keep it in, DynamoDB or S3, is left to the operator.
 */

import { existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { OperationError, UsageError } from "../../lib/errors.ts";

/** As Sunlight asks operators to make it. */
export const CREATE_TABLE = "CREATE TABLE checkpoints (logID BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT";

/** How long another process may hold the database: Sunlight's own writes take milliseconds. */
const BUSY_MS = 10_000;

/** Larger than any checkpoint that is read. */
const MAX_CHECKPOINT_BYTES = 1 << 20;

export interface LockRow {
  readonly logId: Uint8Array;
  /** The signed checkpoint. */
  readonly checkpoint: Uint8Array;
}

export class LockDatabase {
  readonly path: string;

  /** @param path of the database, which has to exist, as for Sunlight. */
  constructor(path: string) {
    this.path = path;
  }

  /** The row of the log whose checkpoints begin with this origin. @throws OperationError if there are several. */
  async rowOf(origin: string): Promise<LockRow | undefined> {
    const start = Buffer.from(`${origin}\n`);
    const rows = await this.#open((database) =>
      database
        .prepare(
          "SELECT logID, body FROM checkpoints WHERE substr(body, 1, ?) = ? AND length(body) <= ? LIMIT 2",
        )
        .all(start.length, start, MAX_CHECKPOINT_BYTES),
    );
    if (rows.length > 1) throw this.#failure("has several logs of one origin, with different keys", origin);
    const [row] = rows.map(({ logID, body }) => ({
      logId: logID as Uint8Array,
      checkpoint: body as Uint8Array,
    }));
    return row;
  }

  /** Adds the row of a log, durable when it resolves: false if there is one, whatever it says. */
  async insert({ logId, checkpoint }: LockRow): Promise<boolean> {
    return await this.#open((database) => {
      const insert = database.prepare(
        "INSERT INTO checkpoints (logID, body) VALUES (?, ?) ON CONFLICT (logID) DO NOTHING",
      );
      return insert.run(logId, checkpoint).changes === 1;
    });
  }

  /** Removes the row of a log that has signed nothing since: whether it was there. */
  async remove(checkpoint: Uint8Array): Promise<boolean> {
    return await this.#open((database) => {
      return database.prepare("DELETE FROM checkpoints WHERE body = ?").run(checkpoint).changes === 1;
    });
  }

  async #open<T>(work: (database: DatabaseSync) => T): Promise<T> {
    if (!existsSync(this.path)) {
      throw new UsageError({
        object: this.path,
        problem: "does not exist: Sunlight's lock database is made by hand, so that none is made by mistake",
        advice: `Name the one that Sunlight will use; a first one is made by: sqlite3 ${this.path} '${CREATE_TABLE}'`,
      });
    }
    const { DatabaseSync } = await import("node:sqlite");
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(this.path, { timeout: BUSY_MS });
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
    return new OperationError({ object: this.path, problem, expected, found, advice }, { cause });
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}
