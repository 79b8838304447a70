/**
 * Objects of a target whose bytes have another name too, such as those of a tree that `cp -al` made of the source: what
 * changes their owner, mode or bytes changes the other as well. What a copy writes, or reads and finds right, is
 * written under a name of its own. Here are the others: obsolete partial objects, sealed ones, and what is not the log's.
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

  /** Writes an object again that is known to be right. */
  async separate({ path, isShared }: StoredObject, bytes: Uint8Array): Promise<void> {
    if (isShared !== true) return;
    const batch = this.#writer.batch();
    await batch.put(path, bytes);
    await batch.commit();
    this.#left--;
    if (this.#example === path) this.#example = undefined;
  }

  /** What an operator should know of those that are left. */
  notice(): string | undefined {
    if (this.#left === 0) return undefined;
    const example = this.#example === undefined ? "" : `, for example ${this.#example}`;
    return (
      `${this.#left} files of the target have other names too (hard links)${example}: a new owner or mode is also ` +
      "theirs. With --recheck those of the log are written again"
    );
  }
}
