/**
 * What a copy keeps in a directory while it runs: a lock, and temporary files.
 *
 * Safety does not depend on the lock: two copies into one target write the same authenticated bytes (promise 2), and only
 * do the work twice. Node has no flock(2), so the file names its holder. If the holder's process is visible from here,
 * the lock is valid while that process runs. Any other holder's lock is valid while the holder updates the file's time,
 * measured by the file system's clock: the clocks of machines may be wrong by years.
 */

import fs from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { shellWord, TargetRefusedError } from "../../lib/errors.ts";
import type { LockState } from "../../lib/migrate/ports/target.ts";
import {
  currentProcess,
  isGone,
  isRunning,
  type LockHolder,
  lockStateOf,
  newHolder,
  parseHolder,
  processFileName,
} from "../shared/process-identity.ts";
import type { DurableDirectory } from "./durable.ts";
import { ifPresent, onFile } from "./errno.ts";
import { requireNoLink } from "./listing.ts";
import { smallFileText } from "./regular-file.ts";
import { STATE } from "./state.ts";

const HEARTBEAT_MS = 10_000;
const SILENCE_MS = 60_000;

/** Of repairs, below a log's root. */
const REPAIR_TEMPORARIES = ".tlog-migrate.tmp";

/** A lock is one line that names a process. */
const MAX_LOCK_BYTES = 4096;

/**
 * Takes the lock, and removes the temporary files of processes that are gone.
 * @throws TargetRefusedError if another copy that is alive holds it.
 */
export async function takeLock(directory: DurableDirectory): Promise<{ release(): Promise<void> }> {
  const { root } = directory;
  const path = join(root, STATE.lock);
  const self = newHolder();
  const line = Buffer.from(`${JSON.stringify(self)}\n`);
  requireOwnState(directory);
  if (!(await directory.create(path, line))) {
    const holder = readHolder(path);
    if (holder !== undefined && isAlive(holder, directory)) throw atWork(path, holder);
    await directory.replace(path, line);
    // Two copies may both have found the old holder dead; the last one to write holds the lock.
    const now = readHolder(path);
    if (now !== undefined && now.token !== self.token) throw atWork(path, now);
  }
  removeOfGone(join(root, STATE.temporaries));
  // A copy does not fail because of its lock.
  const heartbeat = setInterval(() => void touch(path, line).catch(() => {}), HEARTBEAT_MS).unref();
  return {
    async release() {
      clearInterval(heartbeat);
      requireOwnState(directory);
      await onFile(path, () => {
        if (readHolder(path)?.token === self.token) fs.rmSync(path, { force: true });
      });
      await onFile(temporariesOf(root), () => removeTemporaries(temporariesOf(root)));
    },
  };
}

/** Who holds the lock, without writing anything. */
export function lockState(root: string): LockState | undefined {
  const path = join(root, STATE.lock);
  const holder = readHolder(path);
  const stat = holder && fs.statSync(path, { throwIfNoEntry: false });
  return stat && holder && lockStateOf(holder, stat.mtimeMs, isRunning(holder));
}

/** Nothing is removed through a link. @throws TargetRefusedError */
function requireOwnState(directory: DurableDirectory): void {
  directory.requireInPlace(join(directory.root, STATE.directory));
  requireNoLink(join(directory.root, STATE.temporaries));
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

/** The same for repairs of a log that others write: it need not have the directory of a state, and this one is no part of it. */
export function repairTemporariesOf(root: string): string {
  return join(root, REPAIR_TEMPORARIES, processFileName(currentProcess()));
}

/** Removes what repairs have left that were killed. */
export function clearGoneRepairs(root: string): void {
  requireNoLink(join(root, REPAIR_TEMPORARIES));
  removeOfGone(join(root, REPAIR_TEMPORARIES));
}

/**
 * Removes those of all processes: a copy that was suspended during the handover has nothing left to name. What
 * another copy stages meanwhile may stay.
 */
export function clearAllTemporaries(root: string): void {
  removeAll(join(root, STATE.temporaries));
}

/** Removes a process's own. The directory of all goes with the last: another that starts may be about to use it. */
export function removeTemporaries(own: string): void {
  removeAll(own);
  ifPresent(() => fs.rmdirSync(dirname(own)), ["ENOENT", "ENOTEMPTY", "EEXIST"]);
}

function removeOfGone(directory: string): void {
  for (const name of namesIn(directory)) if (isGone(name)) removeAll(join(directory, name));
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
    advice:
      "Wait for it to end or stop it, then run this command again; " +
      `if it will not run again, remove its lock: rm ${shellWord(path)}`,
  });
}

/** A holder that cannot be seen from here is alive if it was heard of lately; never if that is yet to come. */
function isAlive(holder: LockHolder, directory: DurableDirectory): boolean {
  const isSeen = isRunning(holder);
  if (isSeen !== undefined) return isSeen;
  const stat = fs.statSync(join(directory.root, STATE.lock), { throwIfNoEntry: false });
  if (stat === undefined) return false;
  // The first is what a holder says by its own clock, if it is an earlier version of ours.
  const touchedAt = Math.min(stat.mtimeMs, stat.ctimeMs);
  return Math.abs(fileSystemTime(directory) - touchedAt) < SILENCE_MS;
}

/** The time now, by the clock that stamps files there. */
function fileSystemTime(directory: DurableDirectory): number {
  const probe = directory.temporaries.stage(join(directory.root, STATE.lock), Buffer.from("\n"));
  try {
    return fs.fstatSync(probe.fd).mtimeMs;
  } finally {
    directory.temporaries.discard(probe);
  }
}

/** Writes a lock again, so that it has the time of the file system's clock; one that is another's by now is left alone. */
async function touch(path: string, line: Buffer): Promise<void> {
  const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
  const lock = await open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
  try {
    const { buffer, bytesRead } = await lock.read(Buffer.alloc(line.length + 1), 0, line.length + 1, 0);
    if (line.equals(buffer.subarray(0, bytesRead))) await lock.write(line, 0, line.length, 0);
  } finally {
    await lock.close();
  }
}

/** Undefined for what is not a lock of ours: it is replaced, whatever it is. */
function readHolder(path: string): LockHolder | undefined {
  try {
    return parseHolder(smallFileText(path, MAX_LOCK_BYTES) ?? "");
  } catch {
    return undefined;
  }
}
