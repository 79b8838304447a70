/** The Go programs of this folder at work: run to their end, or started, bounded in time and ended. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { execute, TesseraError } from "./execute.ts";
import { build, type Program } from "./programs.ts";

const defaultTimeoutMs = 120_000;

export interface CallOptions {
  /** After this the child is killed and the call rejects; 120 s unless told. */
  readonly timeoutMs?: number | undefined;
}

/** What is the matter of a program alone. */
export interface ProgramOptions extends CallOptions {
  /** Variables that it gets on top of this process's own. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function run(
  program: Program,
  args: readonly string[],
  options: ProgramOptions,
): Promise<string> {
  const path = await build(program);
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const env = { ...process.env, ...options.env };
  return execute(path, args, { timeoutMs, what: `${program} ${args.join(" ")}`, env });
}

/** A program at work, which has said that it is ready. What is done with it stops it or disposes of it. */
export interface RunningProgram<Ready, Final> extends AsyncDisposable {
  readonly ready: Ready;
  readonly pid: number;
  /** Tells it to stop, and returns what it says at the end, once it is gone. */
  stop(): Promise<Final>;
}

/**
 * Starts a program that prints a line of JSON when it is ready, another at the end, and ends with its standard
 * input. `timeoutMs` bounds the start and the stop, each.
 */
export async function start<Ready, Final>(
  program: Program,
  args: readonly string[],
  options: ProgramOptions,
): Promise<RunningProgram<Ready, Final>> {
  const path = await build(program);
  const env = { ...process.env, ...options.env };
  const child = spawn(path, args, { stdio: ["pipe", "pipe", "pipe"], env });
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exit = exitOf(child);
  let stderr = "";
  child.stdin.on("error", () => {}); // it may have exited before it is told to stop
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });

  async function nextDocument<T>(what: string): Promise<T> {
    const line = await killedAfter(timeoutMs, child, lines.next());
    if (line.done) {
      throw new TesseraError(`${program} ${args[0]} ${what} (${await exit})`, stderr);
    }
    return JSON.parse(line.value) as T;
  }
  async function stopNow(): Promise<Final> {
    child.stdin.end();
    const report = await nextDocument<Final>("gave no final report");
    await killedAfter(timeoutMs, child, exit);
    return report;
  }

  const ready = await nextDocument<Ready>("did not start");
  let stopped: Promise<Final> | undefined;
  return {
    ready,
    pid: child.pid ?? 0,
    stop: () => {
      stopped ??= stopNow();
      return stopped;
    },
    [Symbol.asyncDispose]: async () => {
      if (stopped === undefined) {
        child.kill("SIGKILL");
      }
      await exit;
    },
  };
}

/** How the child ended, in words; it also ends where it could not be started. */
function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

/** Waits for `pending`, and kills the child, which ends the wait, once `timeoutMs` have passed. */
async function killedAfter<T>(timeoutMs: number, child: ChildProcess, pending: Promise<T>): Promise<T> {
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  try {
    return await pending;
  } finally {
    clearTimeout(timer);
  }
}
