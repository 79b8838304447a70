/**
 * Measures a whole process, from its start to its end, without a tool that would have to be installed:
 *
 * - wall: a monotonic clock around it. The shell that it runs under adds about 2 ms.
 * - user and system CPU seconds: the shell's `times` (POSIX), which counts the process and all that it waited for;
 *   exact to 0.01 s.
 * - peak resident memory: the kernel's own high-water mark (VmHWM), read every 20 ms, on Linux alone. What a
 *   process takes in its last 20 ms is missed. Of several processes the largest counts, not the sum.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import type { Command } from "../shell.ts";

/** What one process took. */
export interface Usage {
  readonly wallSeconds: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  /** Undefined on systems without /proc. */
  readonly peakRssBytes: number | undefined;
}

/** `times` prints two lines: of the shell itself, and of its children. The process inherits no descriptor. */
const SCRIPT = '"$@" 3>&-; code=$?; times >&3; exit $code';
const POLL_MS = 20;
const MAX_OUTPUT = 2000;
const DEFAULT_TIMEOUT_MS = 20 * 60_000;
/** Linux counts CPU time for users of /proc in hundredths of a second, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;

/**
 * Runs a command to its end, or kills it when this process ends.
 * @throws Error, with the end of its output, if it could not be started, failed, or took too long.
 */
export async function measure(
  command: Command,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<{ readonly usage: Usage; readonly stdout: string }> {
  const name = basename(command.file);
  const timeout = AbortSignal.timeout(timeoutMs);
  const startedAt = performance.now();
  const child = spawn("/bin/sh", ["-c", SCRIPT, "sh", command.file, ...command.args], {
    // A group of its own, so that the shell and what runs in it are ended together.
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    env: { ...process.env, ...command.env },
  });
  const end = () => endGroup(child);
  timeout.addEventListener("abort", end);
  process.once("exit", end);
  let peak: number | undefined;
  const poll = setInterval(() => {
    const seen = peakRssBytes(child.pid as number);
    if (seen !== undefined) peak = Math.max(peak ?? 0, seen);
  }, POLL_MS);
  try {
    const [endedAt, stdout = "", stderr, times = ""] = await Promise.all([
      once(child, "exit").then(() => performance.now()),
      ...[1, 2, 3].map((descriptor) => text(child.stdio[descriptor] as NodeJS.ReadableStream)),
    ] as const);
    if (timeout.aborted) throw new Error(`${name} took longer than ${timeoutMs / 1000} s`);
    if (child.exitCode !== 0) {
      const how = child.signalCode ?? `exit code ${child.exitCode}`;
      throw new Error(`${name} ended with ${how}: ${`${stderr}${stdout}`.trim().slice(-MAX_OUTPUT)}`);
    }
    const wallSeconds = (endedAt - startedAt) / 1000;
    return { usage: { wallSeconds, ...parseTimes(times), peakRssBytes: peak }, stdout };
  } finally {
    timeout.removeEventListener("abort", end);
    process.off("exit", end);
    clearInterval(poll);
  }
}

/**
 * User and system seconds of the children, from what `times` printed.
 * @throws Error if it is something else.
 */
export function parseTimes(printed: string): Pick<Usage, "userSeconds" | "systemSeconds"> {
  const children = printed.trim().split("\n")[1] ?? "";
  // Some shells write the decimal point of the locale.
  const fields = /^(\d+)m(\d+(?:[.,]\d+)?)s (\d+)m(\d+(?:[.,]\d+)?)s$/.exec(children);
  if (fields === null) throw new Error(`the shell's times gave ${JSON.stringify(printed)}`);
  const [userMinutes, user, systemMinutes, system] = fields
    .slice(1)
    .map((field) => Number(field.replace(",", "."))) as [number, number, number, number];
  return { userSeconds: userMinutes * 60 + user, systemSeconds: systemMinutes * 60 + system };
}

/** User and system seconds that a process has had so far; undefined on systems without /proc. */
export function cpuSeconds(pid: number): number | undefined {
  // proc_pid_stat(5): utime and stime are the fields 14 and 15; field 2 may hold spaces.
  const stat = readProc(`${pid}/stat`);
  if (stat === undefined) return undefined;
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

/** The largest peak of resident memory that a process, or one that it has started, has had so far. */
export function peakRssBytes(pid: number): number | undefined {
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readProc(`${pid}/status`) ?? "")?.[1];
  const children = (readProc(`${pid}/task/${pid}/children`) ?? "").split(" ").filter(Boolean);
  const peaks = children.map((child) => peakRssBytes(Number(child))).filter((peak) => peak !== undefined);
  if (kibibytes !== undefined) peaks.push(Number(kibibytes) * 1024);
  return peaks.length === 0 ? undefined : Math.max(...peaks);
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, "latin1");
  } catch {
    // It has ended, or this is not Linux.
    return undefined;
  }
}

function endGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}
