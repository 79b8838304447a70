/** What an error means to who started the program: an exit code, and one line. */

import { CommanderError } from "commander";
import {
  LogError,
  OperationError,
  oneLine,
  TargetRefusedError,
  UsageError,
  VerificationError,
} from "../lib/index.ts";
import { Interruption } from "./interrupt.ts";

export const EXIT = { done: 0, failed: 1, usage: 2, unverified: 3, refused: 4 } as const;

export const EXIT_CODES_HELP = `
Exit codes:
  0         done
  1         stopped by a failure; the same command goes on where it stopped
  2         wrong use
  3         verification failed: the log is not what its checkpoint says
  4         the target may not be written
  130, 143  interrupted by SIGINT or SIGTERM; the same command goes on`;

/** The exit code that an error leads to. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interruption) return error.exitCode;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof VerificationError) return EXIT.unverified;
  if (error instanceof TargetRefusedError) return EXIT.refused;
  // commander ends by an error after --help and --version too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  return EXIT.failed;
}

/**
 * What an error says on standard error, without a newline at its end; undefined where all is said already.
 * @param debug whether to add the stack of what can only be a bug.
 */
export function errorText(error: unknown, debug: boolean): string | undefined {
  if (error instanceof Interruption || error instanceof CommanderError) return undefined;
  if (error instanceof LogError) return error.message;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const line = `internal error: ${oneLine(message)}, please report it`;
  return debug ? `${line}\n${stack}` : `${line} (TLOG_MIGRATE_DEBUG=1 shows where it happened)`;
}

/**
 * The error that a run which was interrupted ends with. What fails on the way out is most often a consequence
 * of stopping, but a log that does not verify, or a target that may not be written, is news.
 */
export function endOf(error: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted) return error;
  const isNews = error instanceof LogError && !(error instanceof OperationError);
  return isNews ? error : signal.reason;
}
