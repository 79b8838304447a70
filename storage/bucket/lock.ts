/**
 * Tells a second copy into one bucket that the first is at work: an object that names its holder, who stores it again
 * and again while it is at work. It is advice, not safety: two copies store the same authenticated bytes (promise 2).
 */

import { setTimeout as sleep } from "node:timers/promises";
import { TargetRefusedError } from "../../lib/errors.ts";
import type { GcsDocument, GcsLibrary } from "../gcs/library.ts";
import { type LockHolder, newHolder, parseHolder } from "../shared/lock-holder.ts";
import { currentProcess, isRunning } from "../shared/process-identity.ts";

export const LOCK_OBJECT = ".state/tlog-migrate.lock";

const HEARTBEAT_MS = 20_000;
const SILENCE_MS = 90_000;

/** A lock that was found. */
interface Held {
  readonly holder: LockHolder;
  /** By Cloud Storage's clock: the holder's own may be wrong by years. */
  readonly storedAt: number;
}

/** What is used of a bucket. */
type Documents = Pick<GcsLibrary, "read" | "write" | "remove">;

/** Longest wait for the lock to be given back. */
const RELEASE_MS = 3_000;

/**
 * Takes the lock.
 * @param library takes it.
 * @param afterwards keeps it and gives it back, whatever has ended meanwhile.
 * @throws TargetRefusedError if another copy that is alive holds it.
 */
export async function takeGcsLock(
  library: Documents,
  afterwards: Documents,
  location: string,
): Promise<{ release(): Promise<void> }> {
  const self = newHolder();
  const text = JSON.stringify(self);
  const found = await library.read(LOCK_OBJECT);
  const held = heldBy(found);
  if (held !== undefined && isAlive(held)) throw atWork(location, held);
  if (!(await library.write(LOCK_OBJECT, text, found))) {
    throw atWork(location, heldBy(await library.read(LOCK_OBJECT)));
  }
  let beating = Promise.resolve();
  const heartbeat = setInterval(() => {
    beating = beating.then(() => beat(afterwards, self.token, text)).catch(() => {});
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    release: async () => {
      clearInterval(heartbeat);
      // A lock that stays is only waited for.
      const released = beating.then(() => giveBack(afterwards, self.token)).catch(() => {});
      await Promise.race([released, sleep(RELEASE_MS, undefined, { ref: false })]);
    },
  };
}

async function giveBack(library: Documents, token: string): Promise<void> {
  const now = await library.read(LOCK_OBJECT);
  if (now !== undefined && heldBy(now)?.holder.token === token) {
    await library.remove(LOCK_OBJECT, now.generation);
  }
}

/** The same text once more: what counts is when it was stored. */
async function beat(library: Documents, token: string, text: string): Promise<void> {
  const now = await library.read(LOCK_OBJECT);
  if (heldBy(now)?.holder.token === token) await library.write(LOCK_OBJECT, text, now);
}

function heldBy(document: GcsDocument | undefined): Held | undefined {
  const holder = document && parseHolder(document.text);
  return holder && { holder, storedAt: document.storedAt };
}

/**
 * One that can be seen from here is alive if its process is; any other while it stores the lock again. A machine of this
 * one's name that has been started at another time may be another: those made from one image share a name.
 */
function isAlive({ holder, storedAt }: Held): boolean {
  const isSeen = holder.boot === currentProcess().boot;
  return (isSeen ? isRunning(holder) : undefined) ?? Date.now() - storedAt < SILENCE_MS;
}

function atWork(location: string, held: Held | undefined): TargetRefusedError {
  return new TargetRefusedError({
    object: location,
    problem: "another copy is at work here",
    found:
      held === undefined ? "a lock that was just taken" : `process ${held.holder.pid} on ${held.holder.host}`,
    advice: `Wait until it ends; if it was killed, its lock ends by itself (${LOCK_OBJECT}, ${SILENCE_MS / 1000} s)`,
  });
}
