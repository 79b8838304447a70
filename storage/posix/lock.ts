/**
 * A lock file by which a second copy into one directory sees that the first is running. It is advice, not safety: two
 * copies into one target write the same authenticated bytes (promise 2), they only waste each other's work.
 *
 * Node has no flock(2), so the file names its holder. A holder whose process is visible from here is alive if that is;
 * any other while it touches the file.
 */

import fs from "node:fs";
import { TargetRefusedError } from "../../lib/errors.ts";
import { type LockHolder, newHolder, parseHolder } from "../shared/lock-holder.ts";
import { isRunning } from "../shared/process-identity.ts";
import type { DurableDirectory } from "./durable.ts";

const HEARTBEAT_MS = 10_000;
const SILENCE_MS = 60_000;

/** Takes the lock at `path`. @throws TargetRefusedError if another copy that is alive holds it. */
export async function takeLock(
  directory: DurableDirectory,
  path: string,
): Promise<{ release(): Promise<void> }> {
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
  const heartbeat = setInterval(() => touch(path), HEARTBEAT_MS);
  heartbeat.unref();
  return {
    async release() {
      clearInterval(heartbeat);
      if (readHolder(path)?.token === self.token) fs.rmSync(path, { force: true });
    },
  };
}

/** Removes a lock whose holder is gone. */
export function clearStaleLock(path: string): void {
  const holder = readHolder(path);
  if (holder !== undefined && isRunning(holder) === false) fs.rmSync(path, { force: true });
}

function atWork(path: string, { host, pid }: LockHolder): TargetRefusedError {
  return new TargetRefusedError({
    object: path,
    problem: `another copy into this target is at work: process ${pid} on ${host}`,
    advice: "Wait for it to end or stop it, then run this command again",
  });
}

/** A holder that is not visible from here is alive while it touches the file. */
function isAlive(holder: LockHolder, path: string): boolean {
  return isRunning(holder) ?? Date.now() - lastTouched(path) < SILENCE_MS;
}

function readHolder(path: string): LockHolder | undefined {
  try {
    return parseHolder(fs.readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function lastTouched(path: string): number {
  return fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function touch(path: string): void {
  try {
    const now = new Date();
    fs.utimesSync(path, now, now);
  } catch {
    // The lock is advice; a copy does not fail because of it.
  }
}
