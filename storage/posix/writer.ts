/** Reads and writes the objects of a log in a directory, for one thread. */

import fs from "node:fs";
import { join } from "node:path";
import type { TargetBatch, TargetWriter } from "../../lib/migrate/ports/target.ts";
import { DurableDirectory } from "./durable.ts";
import { errnoCode, onFile } from "./errno.ts";
import { requireClaim } from "./state.ts";

/** statfs(2) type of tmpfs, where fsync does nothing. */
const TMPFS_MAGIC = 0x01021994;

/** A FIFO must not hang the reader; a symbolic link is not followed. */
const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOFOLLOW;

export class PosixWriter implements TargetWriter {
  readonly #directory: DurableDirectory;

  constructor(root: string, temporaryDirectory: string) {
    const inMemory = fs.statfsSync(root).type === TMPFS_MAGIC;
    this.#directory = new DurableDirectory(root, temporaryDirectory, inMemory, () => requireClaim(root));
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const file = join(this.#directory.root, path);
    return await onFile(file, () => readUpTo(file, maxBytes));
  }

  batch(): TargetBatch {
    return this.#directory.batch();
  }

  async close(): Promise<void> {}
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
