/** The exit code and the one-line message of an error. */

import { constants } from "node:os";
import { CommanderError } from "commander";
import {
  bounded,
  LogError,
  OperationError,
  oneLine,
  outsideFailure,
  TargetRefusedError,
  UsageError,
  VerificationError,
  withShownAddresses,
} from "../lib/index.ts";

export const EXIT_CODES: readonly (readonly [codes: string, meaning: string])[] = [
  ["0", "done"],
  ["1", "stopped by a failure; the same command continues"],
  ["2", "usage error"],
  ["3", "verification failed: the log does not match its checkpoint"],
  ["4", "the target may not be written"],
  ["129, 130, 143", "interrupted by SIGHUP, SIGINT or SIGTERM; the same command continues"],
  ["131", "ended at once by SIGQUIT; the same command continues"],
];

export const EXIT_CODES_HELP = `
Exit codes:
${EXIT_CODES.map(([codes, meaning]) => `  ${codes.padEnd(15)}${meaning}`).join("\n")}`;

/** The reason with which the work is aborted by a signal. */
export class Interruption extends Error {
  readonly signal: NodeJS.Signals;
  /** As shells report a process that the signal ended: 128 and its number. */
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.name = "Interruption";
    this.signal = signal;
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * Ends the process: as the signal does after an interruption, which nothing can hold up. Otherwise Node waits for its
 * threads, which a file system may hold up; a signal ends it even then.
 */
export function endProcess(error: unknown): never {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.removeAllListeners(name);
  // Process 1 of a container is spared by its own signals.
  if (error instanceof Interruption) process.kill(process.pid, error.signal);
  process.exit(error === undefined ? 0 : exitCodeOf(error));
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Interruption) return error.exitCode;
  if (error instanceof UsageError) return 2;
  if (error instanceof VerificationError) return 3;
  if (error instanceof TargetRefusedError) return 4;
  // commander throws an error after --help and --version too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return 1;
}

/** The message of an error, undefined if it is written already; with `debug` the stack of what can only be a bug too. */
export function errorText(failure: unknown, debug: boolean): string | undefined {
  const error = outsideFailure(failure);
  if (error instanceof Interruption || error instanceof CommanderError) return undefined;
  if (error instanceof LogError) return error.message;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const line = `internal error: ${bounded(oneLine(withShownAddresses(message)))}, please report it`;
  return debug
    ? `${line}\n${withShownAddresses(`${stack}`)}`
    : `${line} (TLOG_MIGRATE_DEBUG=1 shows the stack)`;
}

/**
 * The error of a run, after it may have been interrupted. A failure while stopping is most often a consequence of
 * the interruption, but a log that does not verify, or a target that may not be written, is reported.
 */
export function endOf(error: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted) return error;
  const isNews = error instanceof LogError && !(error instanceof OperationError);
  return isNews ? error : signal.reason;
}
