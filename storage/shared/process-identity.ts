/** Which process holds something in a target, named so that another can see whether it still runs. */

import { createHash, randomUUID } from "node:crypto";
import fs from "node:fs";
import { hostname } from "node:os";
import type { LockState } from "../../lib/migrate/ports/target.ts";

/** The largest pid_t. */
const MAX_PROCESS_ID = 2 ** 31 - 1;

/** A process, as another on the same machine can recognise it. */
export interface ProcessIdentity {
  readonly host: string;
  /** The boot, empty where the system does not say. */
  readonly boot: string;
  /** The process namespace in which `pid` means something. */
  readonly namespace: string;
  readonly pid: number;
  /** Two processes of one pid differ in it; empty where the system does not say. */
  readonly startTime: string;
}

/** Who holds the lock of a target: a line of JSON in the lock. */
export interface LockHolder extends ProcessIdentity {
  /** Of this lock alone: a process may take several. */
  readonly token: string;
  /** When it was taken, ISO 8601; early versions did not say. */
  readonly since?: string;
  /** Whether copies that do a part of the same work may be at work too. */
  readonly leads?: boolean;
}

export function currentProcess(): ProcessIdentity {
  return {
    host: hostname(),
    boot: textOf(() => fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()) ?? "",
    namespace: textOf(() => fs.readlinkSync("/proc/self/ns/pid")) ?? "",
    pid: process.pid,
    startTime: processStartTime(process.pid) ?? "",
  };
}

export function newHolder(): LockHolder {
  return { ...currentProcess(), token: randomUUID(), since: new Date().toISOString() };
}

/** The holder that a lock names, undefined if it names none. */
export function parseHolder(text: string): LockHolder | undefined {
  try {
    const holder = Object(JSON.parse(text)) as LockHolder;
    const { pid, host, boot, namespace, startTime, token } = holder;
    const texts = [host, boot, namespace, startTime, token];
    return isProcessId(pid) && texts.every((each) => typeof each === "string") ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** What a lock says, for a person. @param heardAtMs when it was last stored. */
export function lockStateOf(
  { host, pid, since }: LockHolder,
  heardAtMs: number,
  running: boolean | undefined,
): LockState {
  return {
    host,
    pid,
    ...(isTime(since) && { since }),
    heardAt: new Date(heardAtMs).toISOString(),
    ...(running !== undefined && { isRunning: running }),
  };
}

function isTime(since: unknown): boolean {
  return typeof since === "string" && !Number.isNaN(Date.parse(since));
}

/** Whether a process runs; undefined if that cannot be seen from here. */
export function isRunning(other: ProcessIdentity): boolean | undefined {
  const { host, boot, namespace } = currentProcess();
  if (other.host !== host) return undefined;
  if (other.boot !== boot) return false;
  if (other.namespace !== namespace) return undefined;
  if (!isProcessId(other.pid)) return false;
  if (other.startTime !== "") return processStartTime(other.pid) === other.startTime;
  try {
    process.kill(other.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** A number of one process: kill(2) takes others for groups of processes, or for all. */
function isProcessId(pid: number): boolean {
  return Number.isInteger(pid) && pid > 0 && pid <= MAX_PROCESS_ID;
}

/** A name for a process that is a file name: pid, start time, and a hash of where they mean something. */
export function processFileName({ host, boot, namespace, pid, startTime }: ProcessIdentity): string {
  const realm = createHash("sha256").update(`${host}\n${boot}\n${namespace}`).digest("hex").slice(0, 12);
  return `${pid}-${startTime}-${realm}`;
}

/** Whether a name of `processFileName` is that of a process that could be seen from here, and is gone. */
export function isGone(fileName: string): boolean {
  const [pid = "", startTime = ""] = fileName.split("-");
  const inThisRealm = { ...currentProcess(), pid: Number(pid), startTime };
  return processFileName(inThisRealm) === fileName && isRunning(inThisRealm) === false;
}

/** Field 22 of /proc/<pid>/stat, undefined where there is none. */
function processStartTime(pid: number): string | undefined {
  const stat = textOf(() => fs.readFileSync(`/proc/${pid}/stat`, "utf8"));
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function textOf(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
