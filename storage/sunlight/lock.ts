/**
 * Sunlight's lock: the checkpoint that a log has signed last, by its log ID, in a place that may be shared by many logs.
 * Sunlight goes on from it, so one is only ever added here where there is none (filippo.io/sunlight v0.8.1, LockBackend
 * of internal/ctlog).
 */

export interface LockedLog {
  readonly origin: string;
  /** Undefined where no key is known that has one. */
  readonly logId: Uint8Array | undefined;
}

/** Larger than any checkpoint that is read. */
export const MAX_CHECKPOINT_BYTES = 1 << 20;

export interface SunlightLock {
  /** As an operator names it, and messages do. */
  readonly name: string;
  /** The checkpoint of a log, undefined if there is none. */
  row(log: LockedLog): Promise<Uint8Array | undefined>;
  /** Before the first `insert`. @throws TargetRefusedError if the place cannot keep what `insert` promises. */
  prepare(): Promise<void>;
  /** Adds the checkpoint of a log, durable when it resolves: false if there is another, which stays. */
  insert(logId: Uint8Array, checkpoint: Uint8Array): Promise<boolean>;
  /** Removes the checkpoint of a log if it is this one: whether it was. */
  remove(logId: Uint8Array, checkpoint: Uint8Array): Promise<boolean>;
  close(): Promise<void>;
}
