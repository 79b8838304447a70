/** How one thread writes and reads the files of a log in a directory. */

import { join } from "node:path";
import type { TargetWriter } from "../../lib/migrate/ports/target.ts";
import { isInMemory } from "./directory-target.ts";
import { type DurableBatch, DurableDirectory } from "./durable.ts";
import { onFile } from "./errno.ts";
import { readUpTo } from "./object-file.ts";
import { temporariesOf } from "./process-files.ts";
import { requireClaim } from "./state.ts";

/** Reads and writes the objects of the log, for one thread. */
export class PosixWriter implements TargetWriter {
  readonly #directory: DurableDirectory;

  /** @param guard the file that has the claim, below the root. */
  constructor(root: string, guard?: string) {
    const requireOurs = () => requireClaim(root, undefined, guard);
    this.#directory = new DurableDirectory(root, temporariesOf(root), isInMemory(root), requireOurs);
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const file = join(this.#directory.root, path);
    return await onFile(file, () => readUpTo(file, maxBytes));
  }

  batch(): DurableBatch {
    return this.#directory.batch();
  }

  async close(): Promise<void> {}
}
