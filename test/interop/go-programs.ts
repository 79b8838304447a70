/** The Go programs of this folder: how they are built, run, bounded in time and ended. */
import { type ChildProcess, execFile, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { constants, copyFile, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const moduleDir = import.meta.dirname;
const binDir = join(moduleDir, "bin");
const buildTimeoutMs = 540_000;
/** How long a call may take that is not told otherwise. */
export const defaultTimeoutMs = 120_000;
const maxOutputBytes = 64 * 1024 * 1024;

/** The two programs of the Go module: the path below `bin/`, and the package that it is built from. */
const programs = {
  tesserakit: "./tesserakit",
  "tessera-migrate-posix": "github.com/transparency-dev/tessera/cmd/experimental/migrate/posix",
} as const;
export type Program = keyof typeof programs;

/** What every call may be told. */
export interface CallOptions {
  /** After this the child is killed and the call rejects; 120 s unless told. */
  readonly timeoutMs?: number;
}

/** A child that exited with an error or was killed; the message holds what it wrote to standard error. */
export class TesseraError extends Error {
  override readonly name = "TesseraError";
  /** All of standard error, Tessera's log lines included. */
  readonly stderr: string;

  constructor(what: string, stderr: string) {
    super(`${what}:\n${stderr.trim() || "(nothing on standard error)"}`);
    this.stderr = stderr;
  }
}

let goFound: boolean | undefined;

/** Whether a Go toolchain is on the PATH. */
export function goAvailable(): boolean {
  goFound ??= spawnSync("go", ["version"], { stdio: "ignore" }).status === 0;
  return goFound;
}

/** Runs a program to its end and returns its standard output. */
export async function run(program: Program, args: readonly string[], options: CallOptions): Promise<string> {
  const path = await build(program);
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  return execute(path, args, { timeoutMs, what: `${program} ${args.join(" ")}` });
}

async function execute(
  file: string,
  args: readonly string[],
  { timeoutMs, what, cwd, env }: { timeoutMs: number; what: string; cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<string> {
  const limits = { timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: maxOutputBytes } as const;
  try {
    const { stdout } = await promisify(execFile)(file, args, { ...limits, cwd, env });
    return stdout;
  } catch (error) {
    if (isExecFailure(error)) {
      throw new TesseraError(error.killed ? `${what}: killed after ${timeoutMs} ms` : what, error.stderr);
    }
    throw error;
  }
}

function isExecFailure(
  error: unknown,
): error is Error & { readonly stderr: string; readonly killed: boolean } {
  return error instanceof Error && "stderr" in error && "killed" in error;
}

const builds = new Map<Program, Promise<string>>();

/** Builds a program once in this process and returns its path. */
export function build(program: Program): Promise<string> {
  const built = builds.get(program) ?? buildNow(program);
  builds.set(program, built);
  return built;
}

/**
 * Other processes may build, or run, the same program meanwhile: the build goes to a name of its own and is renamed
 * into place. A copy of the last build lets `go build` see that there is nothing to do.
 */
async function buildNow(program: Program): Promise<string> {
  const path = join(binDir, program);
  const staging = join(binDir, `.${program}.${randomUUID()}`);
  await mkdir(binDir, { recursive: true });
  try {
    await copyFile(path, staging, constants.COPYFILE_FICLONE).catch(ignoreMissing);
    await execute("go", ["build", "-buildvcs=false", "-o", staging, programs[program]], {
      timeoutMs: buildTimeoutMs,
      what: `go build ${programs[program]}`,
      cwd: moduleDir,
      env: { ...process.env, CGO_ENABLED: "0" },
    });
    await rename(staging, path);
  } finally {
    await rm(staging, { force: true });
  }
  return path;
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") {
    throw error;
  }
}

/** How the child ended, in words; it also ends where it could not be started. */
export function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

/** Waits for `pending`, and kills the child, which ends the wait, once `timeoutMs` have passed. */
export async function killedAfter<T>(
  timeoutMs: number,
  child: ChildProcess,
  pending: Promise<T>,
): Promise<T> {
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  try {
    return await pending;
  } finally {
    clearTimeout(timer);
  }
}
