/**
 * The locks that copies into a directory hold while they run.
 *
 * Safety does not depend on them: two copies into one target write the same authenticated bytes (promise 2), and only
 * do the work twice. Node has no flock(2), so a file names its holder. If the holder's process is visible from here,
 * the lock is valid while that process runs. Any other holder's lock is valid while the holder updates the file's time,
 * measured by the file system's clock: the clocks of machines may be wrong by years.
 *
 * A copy that works alone, or leads others, holds the one lock; each that does a part holds a file of its own next to it.
 */

import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { shellWord, TargetRefusedError } from "../../lib/errors.ts";
import type { LockKind, LockState } from "../../lib/migrate/ports/target.ts";
import {
  isRunning,
  type LockHolder,
  lockStateOf,
  newHolder,
  parseHolder,
} from "../shared/process-identity.ts";
import type { DurableDirectory } from "./durable.ts";
import { ifPresent, onFile } from "./errno.ts";
import { requireNoLink } from "./listing.ts";
import { removeOfGone, removeTemporaries, temporariesOf } from "./process-files.ts";
import { smallFileText } from "./regular-file.ts";
import { STATE } from "./state.ts";

const HEARTBEAT_MS = 10_000;
const SILENCE_MS = 60_000;

/** A lock is one line that names a process. */
const MAX_LOCK_BYTES = 4096;

/**
 * Takes a lock, and removes the temporary files of processes that are gone.
 * @throws TargetRefusedError if another copy that is alive holds one that excludes it.
 */
export async function takeLock(
  directory: DurableDirectory,
  kind: LockKind = "alone",
): Promise<{ release(): Promise<void> }> {
  const { root } = directory;
  const isPart = kind === "part";
  const path = join(root, isPart ? `${STATE.parts}/${randomUUID()}` : STATE.lock);
  const self: LockHolder = { ...newHolder(), ...(kind === "leader" && { leads: true }) };
  const line = Buffer.from(`${JSON.stringify(self)}\n`);
  requireOwnState(directory);
  if (isPart) directory.prepare([dirname(path)]);
  if (!(await directory.create(path, line))) {
    const holder = readHolder(path);
    if (holder !== undefined && isAlive(path, holder, directory)) throw atWork(path, holder);
    await directory.replace(path, line);
    // Two copies may both have found the old holder dead; the last one to write holds the lock.
    const now = readHolder(path);
    if (now !== undefined && now.token !== self.token) throw atWork(path, now);
  }
  const release = async () => {
    requireOwnState(directory);
    await onFile(path, () => {
      if (readHolder(path)?.token === self.token) fs.rmSync(path, { force: true });
    });
  };
  // Each looks for the other once its own lock is there: of two that start at once, one at least sees the other.
  try {
    requireNoneExcluded(directory, kind);
  } catch (error) {
    await release();
    throw error;
  }
  removeOfGone(join(root, STATE.temporaries));
  // A copy does not fail because of its lock.
  const heartbeat = setInterval(() => void touch(path, line).catch(() => {}), HEARTBEAT_MS).unref();
  return {
    async release() {
      clearInterval(heartbeat);
      await release();
      // Other parts may run in this very process.
      if (!isPart) await onFile(temporariesOf(root), () => removeTemporaries(temporariesOf(root)));
    },
  };
}

/** @throws TargetRefusedError if a copy is at work that this kind must not be at work with. */
function requireNoneExcluded(directory: DurableDirectory, kind: LockKind): void {
  const alone = join(directory.root, STATE.lock);
  if (kind === "part") {
    const holder = readHolder(alone);
    if (holder !== undefined && holder.leads !== true && isAlive(alone, holder, directory))
      throw atWork(alone, holder);
  }
  if (kind !== "alone") return;
  for (const path of partLocks(directory.root)) {
    const holder = readHolder(path);
    if (holder !== undefined && isAlive(path, holder, directory)) throw atWork(path, holder);
    fs.rmSync(path, { force: true });
  }
  ifPresent(() => fs.rmdirSync(join(directory.root, STATE.parts)), ["ENOENT", "ENOTEMPTY", "EEXIST"]);
}

/** Who holds the lock, without writing anything; of several parts, any one that runs. */
export function lockState(root: string): LockState | undefined {
  const found = [join(root, STATE.lock), ...partLocks(root)]
    .map(lockStateIn)
    .filter((each) => each !== undefined);
  return found.find(({ isRunning }) => isRunning === true) ?? found[0];
}

function lockStateIn(path: string): LockState | undefined {
  const holder = readHolder(path);
  const stat = holder && fs.statSync(path, { throwIfNoEntry: false });
  return stat && holder && lockStateOf(holder, stat.mtimeMs, isRunning(holder));
}

function partLocks(root: string): string[] {
  const directory = join(root, STATE.parts);
  return (ifPresent(() => fs.readdirSync(directory)) ?? []).map((name) => join(directory, name));
}

/** Nothing is removed through a link. @throws TargetRefusedError */
function requireOwnState(directory: DurableDirectory): void {
  directory.requireInPlace(join(directory.root, STATE.directory));
  for (const name of [STATE.temporaries, STATE.parts]) requireNoLink(join(directory.root, name));
}

/** Removes locks whose holders are gone. */
export function clearStaleLocks(root: string): void {
  for (const path of [join(root, STATE.lock), ...partLocks(root)]) {
    const holder = readHolder(path);
    if (holder !== undefined && isRunning(holder) === false) fs.rmSync(path, { force: true });
  }
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
function isAlive(path: string, holder: LockHolder, directory: DurableDirectory): boolean {
  const isSeen = isRunning(holder);
  if (isSeen !== undefined) return isSeen;
  const stat = fs.statSync(path, { throwIfNoEntry: false });
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
