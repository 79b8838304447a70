/** Sunlight's lock in a bucket (`etags3` in its configuration): one object a log, named by its log ID (internal/ctlog/etag.go). */

import { UsageError } from "../../lib/errors.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { equalBytes } from "../../lib/tlog/merkle.ts";
import type { Bucket, ObjectVersion, StoredHeaders } from "../bucket/bucket.ts";
import { type LockedLog, MAX_CHECKPOINT_BYTES, type SunlightLock } from "./lock.ts";

/** As Sunlight stores them. */
export const LOCK_HEADERS: StoredHeaders = { contentType: "text/plain; charset=utf-8" };

export class LockBucket implements SunlightLock {
  readonly name: string;
  readonly #bucket: Bucket;

  constructor(name: string, bucket: Bucket) {
    this.name = name;
    this.#bucket = bucket;
  }

  async row({ logId }: LockedLog): Promise<Uint8Array | undefined> {
    if (logId !== undefined) return (await this.#read(logId))?.bytes;
    throw new UsageError({
      object: this.name,
      problem: "names logs by their RFC 6962 keys, and none is known",
      advice: "Pass --public-key with --origin, --log-list, or a --vkey of type 0x05",
    });
  }

  prepare(): Promise<void> {
    return this.#bucket.requireConditionalWrites();
  }

  async insert(logId: Uint8Array, checkpoint: Uint8Array): Promise<boolean> {
    if (await this.#bucket.put(keyOf(logId), checkpoint)) return true;
    // A request whose answer got lost was repeated, and found its own object in its way.
    const found = await this.#read(logId);
    return found !== undefined && equalBytes(found.bytes, checkpoint);
  }

  async remove(logId: Uint8Array, checkpoint: Uint8Array): Promise<boolean> {
    const found = await this.#read(logId);
    if (found === undefined || !equalBytes(found.bytes, checkpoint)) return false;
    return await this.#bucket.remove(keyOf(logId), found);
  }

  close(): Promise<void> {
    return this.#bucket.close();
  }

  /** Replaced between the two requests, it has a version that is gone: it is not removed. */
  async #read(logId: Uint8Array): Promise<(ObjectVersion & { readonly bytes: Uint8Array }) | undefined> {
    const version = await this.#bucket.stat(keyOf(logId));
    if (version === undefined) return undefined;
    try {
      const bytes = await this.#bucket.get(keyOf(logId), MAX_CHECKPOINT_BYTES);
      return bytes && { ...version, bytes };
    } catch (error) {
      // Whatever it is, it is not a checkpoint.
      if (error instanceof FormatError) return { ...version, bytes: new Uint8Array(0) };
      throw error;
    }
  }
}

function keyOf(logId: Uint8Array): string {
  return Buffer.from(logId).toString("hex");
}
