/**
 * What a copy keeps in a directory while it runs: a lock, and temporary files.
 *
 * The lock is advice, not safety: two copies into one target write the same authenticated bytes (promise 2), they only
 * waste each other's work. Node has no flock(2), so the file names its holder. A holder whose process is visible from
 * here is alive if that is; any other while it touches the file.
 */

import fs from "node:fs";
import { join } from "node:path";
import { TargetRefusedError } from "../../lib/errors.ts";
import {
  currentProcess,
  isGone,
  isRunning,
  type LockHolder,
  newHolder,
  parseHolder,
  processFileName,
} from "../shared/process-identity.ts";
import type { DurableDirectory } from "./durable.ts";
import { ifPresent } from "./errno.ts";
import { STATE } from "./state.ts";

const HEARTBEAT_MS = 10_000;
const SILENCE_MS = 60_000;

/**
 * Takes the lock, and removes the temporary files of processes that are gone.
 * @throws TargetRefusedError if another copy that is alive holds it.
 */
export async function takeLock(directory: DurableDirectory): Promise<{ release(): Promise<void> }> {
  const { root } = directory;
  const path = join(root, STATE.lock);
  const self = newHolder();
  const line = Buffer.from(`${JSON.stringify(self)}\n`);
  if (!(await directory.create(path, line))) {
    const holder = readHolder(path);
    if (holder !== undefined && isAlive(holder, path)) throw atWork(path, holder);
    await directory.replace(path, line);
    // Two copies may both have found the old holder dead; the last one to write holds the lock.
    const now = readHolder(path);
    if (now !== undefined && now.token !== self.token) throw atWork(path, now);
  }
  for (const name of namesIn(join(root, STATE.temporaries))) {
    if (isGone(name)) removeAll(join(root, STATE.temporaries, name));
  }
  // A copy does not fail because of its lock.
  const touch = (): void => fs.utimes(path, new Date(), new Date(), () => {});
  const heartbeat = setInterval(touch, HEARTBEAT_MS).unref();
  return {
    async release() {
      clearInterval(heartbeat);
      removeAll(temporariesOf(root));
      if (namesIn(join(root, STATE.temporaries)).length === 0) clearAllTemporaries(root);
      if (readHolder(path)?.token === self.token) fs.rmSync(path, { force: true });
    },
  };
}

/** Removes a lock whose holder is gone. */
export function clearStaleLock(root: string): void {
  const path = join(root, STATE.lock);
  const holder = readHolder(path);
  if (holder !== undefined && isRunning(holder) === false) fs.rmSync(path, { force: true });
}

/** The directory of this process's temporary files: those of a killed process are removed without any other's. */
export function temporariesOf(root: string): string {
  return join(root, STATE.temporaries, processFileName(currentProcess()));
}

/** Removes those of all processes: a copy that was suspended during the handover has nothing left to name. */
export function clearAllTemporaries(root: string): void {
  removeAll(join(root, STATE.temporaries));
}

function namesIn(directory: string): string[] {
  return ifPresent(() => fs.readdirSync(directory)) ?? [];
}

function removeAll(path: string): void {
  fs.rmSync(path, { recursive: true, force: true });
}

function atWork(path: string, { host, pid }: LockHolder): TargetRefusedError {
  return new TargetRefusedError({
    object: path,
    problem: `another copy into this target is at work: process ${pid} on ${host}`,
    advice: "Wait for it to end or stop it, then run this command again",
  });
}

function isAlive(holder: LockHolder, path: string): boolean {
  const touchedAt = fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return isRunning(holder) ?? Date.now() - touchedAt < SILENCE_MS;
}

function readHolder(path: string): LockHolder | undefined {
  try {
    return parseHolder(fs.readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
