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
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { peakRssBytes } from "./process-tree.ts";

/** A program and its arguments, as given to execve(2). */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** Set beside the variables of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What one process took. */
export interface Usage {
  readonly wallSeconds: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  /** Undefined where the system does not tell. */
  readonly peakRssBytes: number | undefined;
}

export interface Measured {
  readonly usage: Usage;
  readonly stdout: string;
}

/** The measured process did not end well. The message has what it said last. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
}

const SHELL = "/bin/sh";
/** `times` prints two lines: of the shell itself, and of its children. The process inherits no descriptor. */
const SCRIPT = '"$@" 3>&-; code=$?; times >&3; exit $code';
const POLL_MS = 20;
const MAX_SAID = 2000;
const DEFAULT_TIMEOUT_MS = 20 * 60_000;

export interface MeasureOptions {
  /** Kills the process, and makes the promise reject with its reason. */
  readonly signal: AbortSignal;
  /** Default: 20 minutes. */
  readonly timeoutMs?: number;
}

/**
 * Runs a command to its end.
 * @throws CommandFailed if it could not be started, failed, or took too long.
 */
export async function measure(command: Command, options: MeasureOptions): Promise<Measured> {
  const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  signal.throwIfAborted();
  const timeout = AbortSignal.timeout(timeoutMs);
  const startedAt = performance.now();
  const child = spawn(SHELL, ["-c", SCRIPT, "sh", command.file, ...command.args], {
    // A group of its own, so that the shell and what runs in it are ended together.
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    env: { ...process.env, ...command.env },
  });
  const end = () => endGroup(child);
  const either = AbortSignal.any([signal, timeout]);
  either.addEventListener("abort", end);
  process.once("exit", end);
  const peak = pollPeak(child.pid);
  try {
    const [endedAt, stdout, stderr, times] = await Promise.all([
      once(child, "exit").then(() => performance.now()),
      ...[1, 2, 3].map((descriptor) => text(child.stdio[descriptor] as NodeJS.ReadableStream)),
    ] as const);
    signal.throwIfAborted();
    if (timeout.aborted)
      throw new CommandFailed(`${basename(command.file)} took longer than ${timeoutMs / 1000} s`);
    if (child.exitCode !== 0) throw failure(command, child, `${stderr}${stdout}`);
    const wallSeconds = (endedAt - startedAt) / 1000;
    const usage = { wallSeconds, ...parseTimes(times ?? ""), peakRssBytes: peak.bytes() };
    return { usage, stdout: stdout ?? "" };
  } finally {
    either.removeEventListener("abort", end);
    process.off("exit", end);
    peak.stop();
  }
}

/**
 * User and system seconds of the children, from what `times` printed.
 * @throws Error if it is something else.
 */
export function parseTimes(printed: string): {
  readonly userSeconds: number;
  readonly systemSeconds: number;
} {
  const children = printed.trim().split("\n")[1] ?? "";
  // Some shells write the decimal point of the locale.
  const [, ...parts] = /^(\d+)m(\d+(?:[.,]\d+)?)s (\d+)m(\d+(?:[.,]\d+)?)s$/.exec(children) ?? [];
  const [userMinutes, userRest, systemMinutes, systemRest] = parts.map((part) =>
    Number(part.replace(",", ".")),
  );
  if (
    userMinutes === undefined ||
    userRest === undefined ||
    systemMinutes === undefined ||
    systemRest === undefined
  ) {
    throw new Error(`the shell's times gave ${JSON.stringify(printed)}`);
  }
  return { userSeconds: userMinutes * 60 + userRest, systemSeconds: systemMinutes * 60 + systemRest };
}

interface PeakPoll {
  /** The largest peak seen so far. */
  bytes(): number | undefined;
  stop(): void;
}

function pollPeak(pid: number | undefined): PeakPoll {
  let largest: number | undefined;
  const timer = setInterval(() => {
    const seen = pid === undefined ? undefined : peakRssBytes(pid);
    if (seen !== undefined) largest = Math.max(largest ?? 0, seen);
  }, POLL_MS);
  return { bytes: () => largest, stop: () => clearInterval(timer) };
}

function endGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

function failure(command: Command, child: ChildProcess, said: string): CommandFailed {
  const how = child.signalCode ?? `exit code ${child.exitCode}`;
  return new CommandFailed(`${basename(command.file)} ended with ${how}: ${said.trim().slice(-MAX_SAID)}`);
}
