/**
 * Shows a second copy into one bucket that the first is at work: an object that names its holder, which stores it
 * again and again while it is at work. It is advice, not safety: two copies store the same authenticated bytes
 * (promise 2).
 */

import { setTimeout as sleep } from "node:timers/promises";
import { TargetRefusedError } from "../../lib/errors.ts";
import {
  currentProcess,
  isRunning,
  type LockHolder,
  newHolder,
  parseHolder,
} from "../shared/process-identity.ts";
import type { Bucket } from "./bucket.ts";
import { type BucketDocument, readDocument, writeDocument } from "./state-object.ts";

export const LOCK_OBJECT = ".state/tlog-migrate.lock";

const HEARTBEAT_MS = 20_000;
const SILENCE_MS = 90_000;

/** Longest wait for the lock to be given back. */
const RELEASE_MS = 3_000;

/** What a lock needs of a bucket. */
type LockedBucket = Pick<Bucket, "location" | "get" | "stat" | "put" | "remove" | "close">;

/**
 * Takes the lock.
 * @param bucket in which it is taken.
 * @param lasting the same bucket, in which it is kept and given back, whatever has ended meanwhile.
 * @throws TargetRefusedError if another copy that is alive holds it.
 */
export async function takeLock(
  bucket: LockedBucket,
  lasting: LockedBucket,
): Promise<{ release(): Promise<void> }> {
  const self = newHolder();
  let beats = 0;
  // Other bytes each time: a version may be a hash of them, and a lock that is kept must get another.
  const text = () => JSON.stringify({ ...self, beats: beats++ });
  const found = await readDocument(bucket, LOCK_OBJECT);
  if (found !== undefined && isAlive(found)) throw atWork(bucket, found);
  if (!(await writeDocument(bucket, LOCK_OBJECT, text(), found))) {
    throw atWork(bucket, await readDocument(bucket, LOCK_OBJECT));
  }
  /** The lock, while it is ours. */
  const ours = async () => {
    const now = await readDocument(lasting, LOCK_OBJECT);
    return now && parseHolder(now.text)?.token === self.token ? now : undefined;
  };
  const beat = async () => {
    const now = await ours();
    if (now !== undefined) await lasting.put(LOCK_OBJECT, Buffer.from(text()), now);
  };
  const giveBack = async () => {
    const now = await ours();
    if (now !== undefined) await lasting.remove(LOCK_OBJECT, now);
  };
  let beating = Promise.resolve();
  const heartbeat = setInterval(() => {
    beating = beating.then(beat).catch(() => {});
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    release: async () => {
      clearInterval(heartbeat);
      // A lock that stays is only waited for.
      const released = beating.then(giveBack).catch(() => {});
      await Promise.race([released, sleep(RELEASE_MS, undefined, { ref: false })]);
    },
  };
}

/**
 * A holder that can be seen from here is alive if its process is; any other while it stores the lock again, by the
 * store's clock: the holder's own may be wrong by years. A machine of this one's name with another boot may be another
 * machine: those made from one image share a name.
 */
function isAlive({ text, storedAt }: BucketDocument): boolean {
  const holder = parseHolder(text);
  if (holder === undefined) return false;
  const isSeen = holder.boot === currentProcess().boot;
  return (isSeen ? isRunning(holder) : undefined) ?? Date.now() - storedAt < SILENCE_MS;
}

function atWork({ location }: LockedBucket, found: BucketDocument | undefined): TargetRefusedError {
  const holder: LockHolder | undefined = found && parseHolder(found.text);
  return new TargetRefusedError({
    object: location,
    problem: "another copy is at work here",
    found: holder === undefined ? "a lock that was just taken" : `process ${holder.pid} on ${holder.host}`,
    advice: `Wait until it ends; if it was killed, its lock ends by itself (${LOCK_OBJECT}, ${SILENCE_MS / 1000} s)`,
  });
}
