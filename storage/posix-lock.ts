/**
 * A lock file that tells a second copy into one directory that the first is at work. It is advice, not safety:
 * two copies into one target write the same authenticated bytes (promise 2), they only waste each other's work.
 *
 * Node has no flock(2), so the file names its holder. A holder in this boot and process namespace is alive if
 * its process, with its start time, is; any other is alive while it touches the file.
 */

import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { hostname } from "node:os";
import { TargetRefused } from "../lib/tlog/errors.ts";
import type { DurableDirectory } from "./durable.ts";
import { errnoCode } from "./file-failure.ts";

const HEARTBEAT_MS = 10_000;
const SILENCE_MS = 60_000;

interface Holder {
  readonly host: string;
  /** The boot and the process namespace in which `pid` means something. */
  readonly realm: string;
  readonly pid: number;
  readonly startTime: string;
  readonly token: string;
}

/** Takes the lock at `path`. @throws TargetRefused if another copy that is alive holds it. */
export async function takeLock(
  directory: DurableDirectory,
  path: string,
): Promise<{ release(): Promise<void> }> {
  const self = currentHolder();
  const line = Buffer.from(`${JSON.stringify(self)}\n`);
  if (!(await directory.create(path, line))) {
    const holder = readHolder(path);
    if (holder !== undefined && isAlive(holder, path)) throw atWork(path, holder);
    await directory.replace(path, line);
    // Two copies may both have found the old holder dead; the last to write has it.
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

function atWork(path: string, { host, pid }: Holder): TargetRefused {
  return new TargetRefused({
    object: path,
    problem: `another copy into this target is at work: process ${pid} on ${host}`,
    advice: "Wait for it to end or stop it, then run this command again",
  });
}

function currentHolder(): Holder {
  return {
    host: hostname(),
    realm: currentRealm(),
    pid: process.pid,
    startTime: processStartTime(process.pid) ?? "",
    token: randomUUID(),
  };
}

function currentRealm(): string {
  try {
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${fs.readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    // No /proc: the host's name is the best there is.
    return hostname();
  }
}

/** Field 22 of /proc/<pid>/stat: two processes of one pid differ in it. Undefined where there is none. */
function processStartTime(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder, path: string): boolean {
  if (holder.realm !== currentRealm()) return Date.now() - lastTouched(path) < SILENCE_MS;
  if (holder.startTime !== "") return processStartTime(holder.pid) === holder.startTime;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return errnoCode(error) === "EPERM";
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(fs.readFileSync(path, "utf8"));
    return isHolder(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== "object" || value === null) return false;
  const { host, realm, pid, startTime, token } = value as Record<string, unknown>;
  return (
    Number.isSafeInteger(pid) && [host, realm, startTime, token].every((field) => typeof field === "string")
  );
}

function lastTouched(path: string): number {
  return fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function touch(path: string): void {
  try {
    const now = new Date();
    fs.utimesSync(path, now, now);
  } catch {
    // The lock is advice; a copy does not fail for it.
  }
}
