/**
 * Files of a target that have another hard link, as `cp -al` of the source makes them: a change of owner, mode or bytes
 * changes the other name's file too. Objects that a copy writes, or reads and finds right, are written as separate
 * files. This module is for the others: obsolete partial objects, sealed ones, and files that are not part of the log.
 */

import type { StoredObject, TargetWriter } from "../ports/target.ts";

export class SharedObjects {
  readonly #writer: TargetWriter;
  #left = 0;
  #example: string | undefined;

  constructor(writer: TargetWriter) {
    this.#writer = writer;
  }

  /** Notes an object that was listed. */
  note({ path, isShared }: StoredObject): void {
    if (isShared !== true) return;
    this.#left++;
    this.#example ??= path;
  }

  /** Writes a correct object again, as a separate file. */
  async separate({ path, isShared }: StoredObject, bytes: Uint8Array): Promise<void> {
    if (isShared !== true) return;
    const batch = this.#writer.batch();
    await batch.put(path, bytes);
    await batch.commit();
    this.#left--;
    if (this.#example === path) this.#example = undefined;
  }

  /** A warning about the remaining ones. */
  notice(): string | undefined {
    if (this.#left === 0) return undefined;
    const example = this.#example === undefined ? "" : `, for example ${this.#example}`;
    return (
      `${this.#left} files of the target have other hard links${example}: a new owner or mode also applies to ` +
      "those. With --recheck the log's files are written again, as separate files"
    );
  }
}
