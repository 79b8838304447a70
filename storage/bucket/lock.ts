/**
 * Shows a second copy that the first is running: an object that names its holder and is stored again regularly. Safety
 * does not depend on it: two copies store the same authenticated bytes (promise 2). A copy that works alone, or leads
 * others, has the one lock; each that does a part has an object of its own next to it.
 */

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { OperationError, TargetRefusedError } from "../../lib/errors.ts";
import type { LockKind, LockState } from "../../lib/migrate/ports/target.ts";
import {
  currentProcess,
  isRunning,
  type LockHolder,
  lockStateOf,
  newHolder,
  parseHolder,
} from "../shared/process-identity.ts";
import type { Bucket, ObjectVersion } from "./bucket.ts";
import { type BucketDocument, readDocument, writeDocument } from "./state-object.ts";

export const LOCK_OBJECT = ".state/tlog-migrate.lock";

/** What has the locks of parts. */
const PARTS = ".state/tlog-migrate.parts";

const HEARTBEAT_MS = 20_000;
const SILENCE_MS = 90_000;

/** Longest wait for the lock to be given back. */
const RELEASE_MS = 3_000;

/**
 * @param lasting the same bucket, in which the lock is kept and given back, whatever has ended meanwhile.
 * @throws TargetRefusedError if another copy that is alive holds one that excludes it.
 */
export async function takeLock(
  bucket: Bucket,
  lasting: Bucket,
  kind: LockKind = "alone",
): Promise<{ release(): Promise<void> }> {
  const self: LockHolder = { ...newHolder(), ...(kind === "leader" && { leads: true }) };
  const path = kind === "part" ? `${PARTS}/${self.token}` : LOCK_OBJECT;
  let beats = 0;
  // Other bytes each time: a version may be a hash of them, and a lock that is kept must get another.
  const text = () => JSON.stringify({ ...self, beats: beats++ });
  const found = await readDocument(bucket, path);
  if (found !== undefined && (await isAlive(found, bucket))) throw atWork(bucket, path, found);
  if (!(await writeDocument(bucket, path, text(), found))) {
    throw atWork(bucket, path, await readDocument(bucket, path));
  }
  const ifOurs = async (work: (lock: ObjectVersion) => Promise<unknown>) => {
    const lock = await readDocument(lasting, path);
    if (lock && parseHolder(lock.text)?.token === self.token) await work(lock);
  };
  const beat = () => ifOurs((lock) => lasting.put(path, Buffer.from(text()), lock));
  const giveBack = () => ifOurs((lock) => lasting.remove(path, lock));
  let beating: Promise<void> | undefined;
  const heartbeat = setInterval(() => {
    // In an outage one takes longer than the time until the next.
    beating ??= beat()
      .catch(() => {})
      .finally(() => {
        beating = undefined;
      });
  }, HEARTBEAT_MS);
  heartbeat.unref();
  const release = async () => {
    clearInterval(heartbeat);
    // A lock that stays is only waited for.
    const released = Promise.resolve(beating)
      .then(giveBack)
      .catch(() => {});
    await Promise.race([released, sleep(RELEASE_MS, undefined, { ref: false })]);
  };
  // Each looks for the other once its own lock is there: of two that start at once, one at least sees the other.
  try {
    await requireNoneExcluded(bucket, kind);
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

/** @throws TargetRefusedError if a copy is at work that this kind must not be at work with. */
async function requireNoneExcluded(bucket: Bucket, kind: LockKind): Promise<void> {
  if (kind === "part") {
    const found = await readDocument(bucket, LOCK_OBJECT);
    const isLeader = found !== undefined && parseHolder(found.text)?.leads === true;
    if (found && !isLeader && (await isAlive(found, bucket))) throw atWork(bucket, LOCK_OBJECT, found);
  }
  if (kind !== "alone") return;
  for await (const [path, found] of partLocks(bucket)) {
    if (await isAlive(found, bucket)) throw atWork(bucket, path, found);
    // One that seemed dead may have stored it again meanwhile.
    if (!(await bucket.remove(path, found))) throw atWork(bucket, path, found);
  }
}

async function* partLocks(bucket: Bucket): AsyncGenerator<[path: string, found: BucketDocument]> {
  for await (const { path } of bucket.list(PARTS)) {
    const found = await readDocument(bucket, path);
    if (found !== undefined) yield [path, found];
  }
}

/** Who holds the lock, or that of a part, without storing anything. */
export async function lockState(bucket: Bucket): Promise<LockState | undefined> {
  const found = await readDocument(bucket, LOCK_OBJECT);
  const first = found && stateIn(found);
  if (first !== undefined) return first;
  for await (const [, part] of partLocks(bucket)) {
    const state = stateIn(part);
    if (state !== undefined) return state;
  }
  return undefined;
}

function stateIn({ text, storedAt }: BucketDocument): LockState | undefined {
  const holder = parseHolder(text);
  return holder && lockStateOf(holder, storedAt, isSeenRunning(holder));
}

/**
 * A holder that can be seen from here is alive if its process is; any other if it stored the lock lately, by the
 * store's clock: the holder's and ours may be wrong by years. A machine of this one's name with another boot may be
 * another machine: those made from one image share a name.
 */
async function isAlive({ text, storedAt }: BucketDocument, bucket: Bucket): Promise<boolean> {
  const holder = parseHolder(text);
  if (holder === undefined) return false;
  return isSeenRunning(holder) ?? Math.abs((await storeTime(bucket)) - storedAt) < SILENCE_MS;
}

function isSeenRunning(holder: LockHolder): boolean | undefined {
  return holder.boot === currentProcess().boot ? isRunning(holder) : undefined;
}

/** The time now, by the clock that stamps objects there. */
async function storeTime(bucket: Bucket): Promise<number> {
  const path = `${LOCK_OBJECT}.${randomUUID()}`;
  await bucket.put(path, Buffer.from("\n"));
  const probe = await bucket.stat(path);
  if (probe === undefined) throw new OperationError({ object: bucket.locate(path), problem: "vanished" });
  // One that stays is in nobody's way.
  await bucket.remove(path, probe).catch(() => {});
  return probe.storedAt;
}

function atWork(bucket: Bucket, path: string, found: BucketDocument | undefined): TargetRefusedError {
  const holder = found && parseHolder(found.text);
  return new TargetRefusedError({
    object: bucket.location,
    problem: "another copy is running here",
    found: holder === undefined ? "a lock that was just taken" : `process ${holder.pid} on ${holder.host}`,
    advice:
      `Wait until it ends; if it was killed, its lock expires ${SILENCE_MS / 1000} s after it was last renewed, ` +
      `or remove ${bucket.locate(path)}`,
  });
}
