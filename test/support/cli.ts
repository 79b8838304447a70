/** Runs the program as a person would: as a process of its own. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { startLogServer } from "./http/misbehaving-log-server.ts";
import { testLog } from "./logs/generated-log.ts";
import { temporaryDirectory } from "./places/directory.ts";

export const PROGRAM = join(import.meta.dirname, "../../cmd/tlog-migrate.ts");

/** Options of a copy that hands over, and waits for nothing. */
export const HAND_OVER = ["--handover", "--settle", "0"];

export interface CliOptions {
  /** Environment variables beside those of the test; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** What is run in place of the clone's program. */
  readonly program?: string;
  readonly input?: string;
  /** A command of the shell, such as `ulimit`, that is run in its process before it. */
  readonly before?: string;
  /** Sends a signal: so many milliseconds after the start, or once standard error matches. */
  readonly signal?: { readonly name: NodeJS.Signals; readonly after: number | RegExp };
  /** It is killed, and the promise rejects, when it takes longer; default 60,000. */
  readonly timeoutMs?: number;
}

export interface CliResult {
  /** Exit code, as shells report it: of a process that a signal ended, 128 and its number. */
  readonly code: number;
  /** What ended it. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves when it has ended and all that it printed was read. */
  readonly result: Promise<CliResult>;
}

/** A log that is served, and what copies it to a target that does not exist. */
export async function servedLog(size: number) {
  const log = testLog({ size });
  const server = await startLogServer(log.objects);
  const target = join(temporaryDirectory(), "log");
  return { log, server, target, args: ["copy", server.url, target, "--vkey", log.vkey] };
}

/** Runs `tlog-migrate` to its end. Whatever its exit code, the promise resolves. Call it within a test. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return spawnCli(args, options).result;
}

/** Starts `tlog-migrate` and gives the process, which does not outlive the test. Call it within a test. */
export function spawnCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const { env = {}, cwd, program = PROGRAM, input = "", before = ":", signal, timeoutMs = 60_000 } = options;
  const line = [process.execPath, program, ...args];
  const child = spawn("sh", ["-c", `${before}; exec "$@"`, "sh", ...line], {
    cwd,
    env: { ...process.env, FORCE_COLOR: undefined, NODE_OPTIONS: undefined, ...env },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  // Where the program ends without reading its input, the pipe breaks: its exit code is what counts.
  child.stdin.on("error", () => {}).end(input);
  if (signal !== undefined) sendSignal(child, signal.name, signal.after);
  return { child, result: waitForEnd(child, args, timeoutMs) };
}

async function waitForEnd(
  child: ChildProcessWithoutNullStreams,
  args: readonly string[],
  timeoutMs: number,
): Promise<CliResult> {
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  const [[code, signal], stdout, stderr] = await Promise.all([
    once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>,
    text(child.stdout),
    text(child.stderr),
  ]).finally(() => clearTimeout(timer));
  if (timedOut) {
    throw new Error(`tlog-migrate ${args.join(" ")} took longer than ${timeoutMs} ms:\n${stdout}\n${stderr}`);
  }
  return { code: code ?? 128 + constants.signals[signal ?? "SIGKILL"], signal, stdout, stderr };
}

function sendSignal(
  child: ChildProcessWithoutNullStreams,
  name: NodeJS.Signals,
  after: number | RegExp,
): void {
  if (typeof after === "number") {
    const timer = setTimeout(() => child.kill(name), after);
    child.once("close", () => clearTimeout(timer));
    return;
  }
  let printed = "";
  const look = (chunk: Buffer): void => {
    printed += chunk.toString();
    if (!after.test(printed)) return;
    child.stderr.off("data", look);
    child.kill(name);
  };
  child.stderr.on("data", look);
}
