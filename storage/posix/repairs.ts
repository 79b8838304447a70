/**
 * Replaces single objects of a log in a directory, in which log software may be running. Each object is replaced by a
 * rename, as in Tessera (`overwrite` in storage/posix/file_ops.go, v1.0.4): open readers keep the old file, nobody sees a
 * part of the new one, and the file behind an old symbolic or hard link is not changed.
 */

import fs from "node:fs";
import { join } from "node:path";
import { TargetRefusedError } from "../../lib/errors.ts";
import type { TargetRepairs } from "../../lib/migrate/ports/target.ts";
import { DurableDirectory } from "./durable.ts";
import { onFile } from "./errno.ts";
import { readUpTo } from "./object-file.ts";
import { clearGoneRepairs, removeTemporaries, repairTemporariesOf } from "./process-files.ts";

export class PosixRepairs implements TargetRepairs {
  readonly #root: string;
  readonly #directory: DurableDirectory;

  /** @param isInMemory whether the file system is. */
  constructor(root: string, isInMemory: boolean) {
    clearGoneRepairs(root);
    this.#root = root;
    this.#directory = new DurableDirectory(root, repairTemporariesOf(root), isInMemory, undefined, true);
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const file = join(this.#root, path);
    // Nothing right; that it cannot be replaced is said where it is to be.
    return await onFile(file, () => (isDirectory(file) ? new Uint8Array(0) : readUpTo(file, maxBytes)));
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    const file = join(this.#root, path);
    await onFile(file, async () => {
      if (isDirectory(file)) throw inTheWay(file);
      await this.#directory.replace(file, bytes);
    });
  }

  async close(): Promise<void> {
    await onFile(this.#root, () => removeTemporaries(repairTemporariesOf(this.#root)));
  }
}

function isDirectory(file: string): boolean {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function inTheWay(file: string): TargetRefusedError {
  return new TargetRefusedError({
    object: file,
    problem: "is a directory where a file should be",
    advice: "Check what it is, then move it away",
  });
}
