/** How one thread writes and reads the objects of a log in a bucket. */

import { OperationError } from "../../lib/errors.ts";
import type { TargetBatch, TargetWriter } from "../../lib/migrate/ports/target.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { equalBytes } from "../../lib/tlog/merkle.ts";
import type { Bucket, BucketObjects } from "./bucket.ts";

/** How often an object that others change meanwhile is looked at. */
const MAX_LOOKS = 5;

/**
 * An object is durable when its upload is acknowledged, and is never visible in part, so a batch needs no commit. It is
 * authentic, so it may remain after a batch is abandoned. A copy that was suspended during another copy's handover can
 * only add the right edge of a smaller size, which is an obsolete partial.
 */
export class BucketWriter implements TargetWriter, TargetBatch {
  readonly #bucket: Pick<Bucket, "locate">;
  readonly #objects: BucketObjects;
  readonly #requireClaim: () => Promise<void>;

  /** @param requireClaim throws if another copy has handed the target over: then nothing is replaced any more. */
  constructor(bucket: Pick<Bucket, "locate">, objects: BucketObjects, requireClaim: () => Promise<void>) {
    this.#bucket = bucket;
    this.#objects = objects;
    this.#requireClaim = requireClaim;
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    try {
      return await this.#objects.get(path, maxBytes);
    } catch (error) {
      // Larger than it may be, or encoded: whatever it is, it is not what is looked for.
      if (error instanceof FormatError) return new Uint8Array(0);
      throw error;
    }
  }

  batch(): TargetBatch {
    return this;
  }

  /** Stores an object if there is none. One that is there is kept if it has the same bytes, and replaced if not. */
  async put(path: string, bytes: Uint8Array, gzip?: Uint8Array): Promise<void> {
    const stored = this.stored(path, bytes, gzip);
    for (let look = 0; look < MAX_LOOKS; look++) {
      if (await this.#objects.put(path, stored)) return;
      const found = await this.#objects.stat(path);
      if (found === undefined) continue;
      const present = await this.read(path, bytes.length);
      if (present !== undefined && equalBytes(present, bytes)) return;
      await this.#requireClaim();
      if (await this.#objects.put(path, stored, found)) return;
    }
    throw new OperationError({
      object: this.#bucket.locate(path),
      problem: "is repeatedly changed by another program",
      advice: "Find out who else writes here, then run the same command again",
    });
  }

  async keep(): Promise<void> {}

  async commit(): Promise<void> {}

  async abandon(): Promise<void> {}

  close(): Promise<void> {
    return this.#objects.close();
  }

  /** What is stored of an object. */
  protected stored(_path: string, bytes: Uint8Array, _gzip?: Uint8Array): Uint8Array {
    return bytes;
  }
}
