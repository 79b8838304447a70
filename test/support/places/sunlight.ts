/** Sunlight's locks, and places that a test moves logs of Sunlight to. */

import fs from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { vi } from "vitest";
import type { MigrationTarget, SignedLog } from "../../../lib/migrate/ports/target.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { DurableDirectory } from "../../../storage/posix/durable.ts";
import { SunlightTarget } from "../../../storage/posix/sunlight-target.ts";
import { SunlightBucketTarget } from "../../../storage/sunlight/bucket-target.ts";
import type { SunlightLock } from "../../../storage/sunlight/lock.ts";
import { LockBucket } from "../../../storage/sunlight/lock-bucket.ts";
import { CREATE_TABLE, LockDatabase } from "../../../storage/sunlight/lock-database.ts";
import type { NamedLock } from "../../../storage/sunlight/state.ts";
import { STATE as TREE } from "./bucket-targets.ts";
import { directoryContents, memoryDirectory, writeFiles } from "./directory.ts";
import { MemoryBucket } from "./memory-bucket.ts";

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

/** Of the test's log. */
export const LOG_ID = Buffer.alloc(32, 7);

/** A checkpoint of the test's log, signed twice in its name, at some time. */
export function checkpointOf(size: number, time = "AAAA", origin = "log.example/ct"): Buffer {
  const signature = `— ${origin} ${Buffer.from(`sign${time}${size}`).toString("base64")}\n`;
  return Buffer.from(`${origin}\n${size}\n${formatHash(TREE.rootHash)}\n\n${signature}${signature}`);
}

export const CHECKPOINT = checkpointOf(TREE.size);

export const LOG: SignedLog = {
  format: "static-ct",
  origin: "log.example/ct",
  note: CHECKPOINT,
  logId: LOG_ID,
};

/** A lock, as Sunlight sees it. */
export interface TestLock {
  /** As a run opens it. */
  open(): SunlightLock;
  /** Log IDs in hex, and checkpoints. */
  rows(): Record<string, string>;
  put(logId: Uint8Array, checkpoint: string | Uint8Array): void;
}

export function testDatabase(): TestLock {
  const path = newLockDatabase();
  return {
    open: () => new LockDatabase(path),
    rows: () => lockRows(path),
    put: (logId, checkpoint) => putLockRow(path, logId, checkpoint),
  };
}

let named = 0;

export function testLockBucket(): TestLock {
  const bucket = new MemoryBucket();
  const name = `s3://locks-${++named}`;
  return {
    open: () => new LockBucket(name, bucket),
    rows: () => Object.fromEntries([...bucket.objects].map(([key, { bytes }]) => [key, `${bytes}`])),
    put: (logId, checkpoint) => bucket.store(Buffer.from(logId).toString("hex"), checkpoint),
  };
}

/** A place for a log of Sunlight. */
export interface SunlightPlace {
  /** As another run would open it. */
  open(lock: NamedLock): MigrationTarget;
  text(path: string): string | undefined;
  write(path: string, content: string | Uint8Array): void;
  contents(): unknown;
  /** The next text that is stored at this path is not: the process is killed before. */
  killBefore(path: string): void;
}

export function sunlightDirectory(): SunlightPlace {
  const root = join(memoryDirectory(), "log");
  return {
    open: (lock) => opened(new SunlightTarget(root, {}, lock)),
    text: (path) => (fs.existsSync(join(root, path)) ? textOf(root, path) : undefined),
    write: (path, content) => writeFiles(root, [[path, Buffer.from(content)]]),
    contents: () => (fs.existsSync(root) ? directoryContents(root) : undefined),
    killBefore(path) {
      const { replace } = DurableDirectory.prototype;
      const spy = vi.spyOn(DurableDirectory.prototype, "replace");
      spy.mockImplementation(function (this: DurableDirectory, ...args) {
        if (args[0] !== join(root, path)) return replace.apply(this, args);
        spy.mockRestore();
        return Promise.reject(new Error("killed"));
      });
    },
  };
}

export function sunlightBucket(): SunlightPlace & { readonly bucket: MemoryBucket } {
  const bucket = new MemoryBucket();
  return {
    bucket,
    open: (lock) => opened(new SunlightBucketTarget(bucket, { lock, readOnly: false })),
    text: (path) => bucket.text(path),
    write: (path, content) => bucket.store(path, content),
    contents: () => [...bucket.objects].map(([path, { bytes }]) => [path, `${bytes}`]),
    killBefore(path) {
      const put = bucket.put.bind(bucket);
      const spy = vi.spyOn(bucket, "put").mockImplementation((...args) => {
        if (args[0] !== path) return put(...args);
        spy.mockRestore();
        return Promise.reject(new Error("killed"));
      });
    },
  };
}

function opened<T extends MigrationTarget>(target: T): T {
  target.requireLog?.(LOG);
  return target;
}
