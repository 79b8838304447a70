/** What all targets have in common that keep a log in a bucket: a lock, and the log's objects, written under a claim. */

import { TargetRefusedError } from "../../lib/errors.ts";
import type {
  ListOptions,
  LockKind,
  LockState,
  StoredObject,
  TargetWriter,
} from "../../lib/migrate/ports/target.ts";
import { onceEvery } from "../shared/memoize.ts";
import type { Bucket } from "./bucket.ts";
import { lockState, takeLock } from "./lock.ts";
import type { PrivateState } from "./log-state.ts";
import { BucketWriter } from "./writer.ts";

/**
 * How long a writer trusts its last look at the claim. Another copy may have handed the target over in that time, and
 * log software may have started there. But only the very version that was looked at is replaced, and only where its
 * bytes do not belong there; log software that goes on from the same tree stores the same bytes.
 */
const CLAIM_TRUSTED_MS = 3_000;

export abstract class ObjectTarget {
  abstract readonly location: string;
  /** Until the copy is stopped. */
  protected readonly bucket: Bucket;
  /** For what is done even then. */
  readonly #lastingBucket: Bucket;
  /** Of the claim that this copy has seen or made. */
  protected marker: string | undefined;

  /** @param signal aborts waiting for an answer. */
  constructor(bucket: Bucket, signal: AbortSignal | undefined) {
    this.bucket = signal === undefined ? bucket : bucket.until(signal);
    this.#lastingBucket = bucket;
  }

  protected abstract readonly state: Pick<PrivateState, "requireClaim">;

  locate(path: string): string {
    return this.bucket.locate(path);
  }

  lock(kind?: LockKind): Promise<{ release(): Promise<void> }> {
    return takeLock(this.bucket, this.#lastingBucket, kind);
  }

  lockState(): Promise<LockState | undefined> {
    return lockState(this.bucket);
  }

  /** A bucket is never full. */
  async requireFreeSpace(): Promise<void> {}

  async warnings(_isToAppend: boolean): Promise<string[]> {
    return [];
  }

  openWriter(signal?: AbortSignal): TargetWriter {
    const requireClaim = onceEvery(CLAIM_TRUSTED_MS, () => this.state.requireClaim(this.marker));
    return this.writer(signal, requireClaim);
  }

  list(directory: string, options?: ListOptions): AsyncIterable<StoredObject> {
    return this.bucket.list(directory, options);
  }

  async remove(path: string): Promise<void> {
    // Looked up before the claim is: what another copy stores after it has made this claim its own stays.
    const found = await this.bucket.stat(path);
    if (found === undefined) return;
    await this.state.requireClaim(this.marker);
    if (await this.bucket.remove(path, found)) return;
    throw new TargetRefusedError({
      object: this.locate(path),
      problem: "was stored again while this copy removed it",
      advice: "Another copy is at work here: wait for it to end, then run this command again",
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.bucket.close(), this.#lastingBucket.close()]);
  }

  protected writer(signal: AbortSignal | undefined, requireClaim: () => Promise<void>): BucketWriter {
    return new BucketWriter(this.bucket, this.bucket.openObjects(signal), requireClaim);
  }
}
