/** Servers of others, as they are released: run by `ctkit supervise` on a free port, and gone with who started them. */

import { TesseraError } from "./execute.ts";
import { freePort } from "./guarded.ts";
import { build, type Program } from "./programs.ts";
import { type ProgramOptions, start } from "./run.ts";

export interface ServedProgram extends AsyncDisposable {
  readonly url: string;
  /** Interrupts it, and waits for its end. */
  stop(): Promise<unknown>;
}

export interface ServerOptions extends ProgramOptions {
  /** The arguments with which it listens to this port of the loopback. */
  args(port: number): Promise<readonly string[]> | readonly string[];
  /** Path at which it answers once it is ready. */
  readonly readyPath: string;
}

const ATTEMPTS = 3;

/** Starts a program on a port that is free a moment before, and on another one where somebody was faster. */
export async function startServer(
  program: Program,
  options: ServerOptions,
  attempts = ATTEMPTS,
): Promise<ServedProgram> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const ready = ["--ready", `${url}${options.readyPath}`];
  const args = ["supervise", ...ready, "--", await build(program), ...(await options.args(port))];
  try {
    const running = await start("ctkit", args, options);
    return { url, stop: running.stop, [Symbol.asyncDispose]: running[Symbol.asyncDispose] };
  } catch (error) {
    const taken = error instanceof TesseraError && error.stderr.includes("address already in use");
    if (!taken || attempts === 1) throw error;
    return startServer(program, options, attempts - 1);
  }
}
