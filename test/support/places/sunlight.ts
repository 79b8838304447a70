/** Sunlight's lock database, and logs that a test moves to a directory of Sunlight. */

import fs from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CREATE_TABLE } from "../../../storage/posix/sunlight-lock.ts";
import { memoryDirectory } from "./directory.ts";

/** A new lock database, made as Sunlight's documentation says; removed when the test ends. */
export function newLockDatabase(statement = CREATE_TABLE): string {
  const path = join(memoryDirectory(), "checkpoints.db");
  withDatabase(path, (database) => database.exec(statement));
  return path;
}

/** Its rows: log IDs in hex, and checkpoints. */
export function lockRows(path: string): Record<string, string> {
  return withDatabase(path, (database) => {
    const rows = database.prepare("SELECT logID, body FROM checkpoints").all();
    return Object.fromEntries(
      rows.map(({ logID, body }) => [
        Buffer.from(logID as Uint8Array).toString("hex"),
        `${Buffer.from(body as Uint8Array)}`,
      ]),
    );
  });
}

/** Writes a row as Sunlight does, over one that is there. */
export function putLockRow(path: string, logId: Uint8Array, checkpoint: string | Uint8Array): void {
  withDatabase(path, (database) =>
    database.prepare("INSERT OR REPLACE INTO checkpoints VALUES (?, ?)").run(logId, Buffer.from(checkpoint)),
  );
}

function withDatabase<T>(path: string, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

export function textOf(directory: string, path: string): string {
  return fs.readFileSync(join(directory, path), "utf8");
}
