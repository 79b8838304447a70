/** Reads and writes the objects of a log in a directory, for one thread. */

import fs from "node:fs";
import { join } from "node:path";
import type { TargetBatch, TargetWriter } from "../../lib/migrate/ports/target.ts";
import { requireClaim } from "./claim.ts";
import { type DurableBatch, DurableDirectory } from "./durable.ts";
import { errnoCode, onFile } from "./errno.ts";

/** statfs(2) type of tmpfs, where fsync does nothing. */
const TMPFS_MAGIC = 0x01021994;

/** A FIFO must not hang the reader; a symbolic link is not followed. */
const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOFOLLOW;

export class PosixWriter implements TargetWriter {
  readonly #root: string;
  readonly #directory: DurableDirectory;

  constructor(root: string, temporaryDirectory: string) {
    const inMemory = fs.statfsSync(root).type === TMPFS_MAGIC;
    this.#root = root;
    this.#directory = new DurableDirectory(root, temporaryDirectory, inMemory, () => requireClaim(root));
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return await onFile(join(this.#root, path), () => readUpTo(join(this.#root, path), maxBytes));
  }

  batch(): TargetBatch {
    return new PosixBatch(this.#root, this.#directory.batch());
  }

  async close(): Promise<void> {}
}

class PosixBatch implements TargetBatch {
  readonly #root: string;
  readonly #batch: DurableBatch;

  constructor(root: string, batch: DurableBatch) {
    this.#root = root;
    this.#batch = batch;
  }

  put(path: string, bytes: Uint8Array): void {
    this.#batch.put(join(this.#root, path), bytes);
  }

  keep(path: string, bytes: Uint8Array): Promise<void> {
    return this.#batch.keep(join(this.#root, path), bytes);
  }

  commit(): Promise<void> {
    return this.#batch.commit();
  }

  async abandon(): Promise<void> {
    this.#batch.abandon();
  }
}

/** A file of at most `maxBytes`; a larger one is returned cut to one byte more, so that it is never right. */
function readUpTo(path: string, maxBytes: number): Uint8Array | undefined {
  let fd: number;
  try {
    fd = fs.openSync(path, READ_FLAGS);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return undefined;
    // A symbolic link is not an object, wherever it leads.
    if (errnoCode(error) === "ELOOP") return new Uint8Array(0);
    throw error;
  }
  try {
    const bytes = Buffer.allocUnsafeSlow(Math.min(fs.fstatSync(fd).size, maxBytes + 1));
    return bytes.subarray(0, fs.readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    fs.closeSync(fd);
  }
}
