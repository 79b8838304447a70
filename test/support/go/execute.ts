/** Child processes that are run to their end. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const maxOutputBytes = 64 * 1024 * 1024;

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

export interface ExecuteOptions {
  /** After this the child is killed and the call rejects. */
  readonly timeoutMs: number;
  /** Names the call in errors. */
  readonly what: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Whether errors hold standard output too. */
  readonly tellStdout?: boolean;
}

export async function execute(
  file: string,
  args: readonly string[],
  options: ExecuteOptions,
): Promise<string> {
  return (await executeAll(file, args, options)).stdout;
}

export async function executeAll(
  file: string,
  args: readonly string[],
  { timeoutMs, what, cwd, env, tellStdout = false }: ExecuteOptions,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const limits = { timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: maxOutputBytes } as const;
  try {
    return await promisify(execFile)(file, args, { ...limits, cwd, env });
  } catch (error) {
    if (isExecFailure(error)) {
      const output = `${error.stderr}${tellStdout ? error.stdout : ""}`;
      throw new TesseraError(error.killed ? `${what}: killed after ${timeoutMs} ms` : what, output);
    }
    throw error;
  }
}

function isExecFailure(
  error: unknown,
): error is Error & { readonly stderr: string; readonly stdout: string; readonly killed: boolean } {
  return error instanceof Error && "stderr" in error && "killed" in error;
}
