/**
 * Tells a second copy into one bucket that the first is at work: an object that names its holder and says until when
 * it is held. It is advice, not safety: two copies store the same authenticated bytes (promise 2).
 */

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { TargetRefused } from "../lib/tlog/errors.ts";
import type { GcsDocument, GcsLibrary } from "./gcs-library.ts";
import { currentProcess, isRunning, type ProcessIdentity } from "./posix-process.ts";

export const LOCK_OBJECT = ".state/tlog-migrate.lock";

const HEARTBEAT_MS = 20_000;
const SILENCE_MS = 90_000;

interface Holder extends ProcessIdentity {
  readonly token: string;
  /** ISO 8601 */
  readonly until: string;
}

/** Longest wait for the lock to be given back. */
const RELEASE_MS = 3_000;

/**
 * Takes the lock.
 * @param library takes it.
 * @param afterwards keeps it and gives it back, whatever has ended meanwhile.
 * @throws TargetRefused if another copy that is alive holds it.
 */
export async function takeGcsLock(
  library: GcsLibrary,
  afterwards: GcsLibrary,
  location: string,
): Promise<{ release(): Promise<void> }> {
  const self = { ...currentProcess(), token: randomUUID() };
  const text = () => JSON.stringify({ ...self, until: new Date(Date.now() + SILENCE_MS).toISOString() });
  const found = await library.read(LOCK_OBJECT);
  const holder = holderIn(found);
  if (holder !== undefined && isAlive(holder)) throw atWork(location, holder);
  const mine = text();
  if (!(await library.write(LOCK_OBJECT, mine, found))) {
    throw atWork(location, holderIn(await library.read(LOCK_OBJECT)));
  }
  let beating = Promise.resolve();
  const heartbeat = setInterval(() => {
    beating = beating.then(() => beat(afterwards, self.token, text())).catch(() => {});
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

async function giveBack(library: GcsLibrary, token: string): Promise<void> {
  const now = await library.read(LOCK_OBJECT);
  if (holderIn(now)?.token === token) await library.remove(LOCK_OBJECT);
}

async function beat(library: GcsLibrary, token: string, text: string): Promise<void> {
  const now = await library.read(LOCK_OBJECT);
  if (holderIn(now)?.token === token) await library.write(LOCK_OBJECT, text, now);
}

function holderIn(document: GcsDocument | undefined): Holder | undefined {
  try {
    return document && (JSON.parse(document.text) as Holder);
  } catch {
    return undefined;
  }
}

/** One that can be seen from here is alive if its process is; any other until its time is over. */
function isAlive(holder: Holder): boolean {
  return isRunning(holder) ?? Date.parse(holder.until) > Date.now();
}

function atWork(location: string, holder: Holder | undefined): TargetRefused {
  return new TargetRefused({
    object: location,
    problem: "another copy is at work here",
    found: holder === undefined ? "a lock that was just taken" : `process ${holder.pid} on ${holder.host}`,
    advice: `Wait until it ends; if it was killed, its lock ends by itself (${LOCK_OBJECT}, ${SILENCE_MS / 1000} s)`,
  });
}
