/** The exit code of an error, its one-line message, and its document. */

import { constants } from "node:os";
import { CommanderError } from "commander";
import {
  bounded,
  type ErrorFacts,
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
  /** What a second run of the command does. */
  readonly afterStop: string;
  /** What the target has by now, as a sentence. */
  inPlace: string | undefined;

  constructor(signal: NodeJS.Signals, afterStop: string) {
    super(`stopped by ${signal}`);
    this.name = "Interruption";
    this.signal = signal;
    this.exitCode = 128 + constants.signals[signal];
    this.afterStop = afterStop;
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

/** Kinds of failures, as `--json` names them. */
type ErrorKind = "usage" | "operation" | "verification" | "refused" | "interrupted" | "internal";

const KIND_CODES = { operation: 1, usage: 2, verification: 3, refused: 4, internal: 1 };

function kindOf(error: unknown): ErrorKind {
  if (error instanceof Interruption) return "interrupted";
  if (error instanceof UsageError || error instanceof CommanderError) return "usage";
  if (error instanceof VerificationError) return "verification";
  if (error instanceof TargetRefusedError) return "refused";
  return error instanceof OperationError ? "operation" : "internal";
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Interruption) return error.exitCode;
  if (isHelp(error)) return 0;
  const kind = kindOf(outsideFailure(error));
  return kind === "interrupted" ? 1 : KIND_CODES[kind];
}

/** commander throws an error after --help and --version too. */
function isHelp(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

/** What `--json` prints of a failure. */
export interface ErrorDocument {
  readonly error: { readonly kind: ErrorKind } & ErrorFacts;
}

/** The document of an error, undefined where nothing has failed. */
export function errorDocument(failure: unknown): ErrorDocument | undefined {
  if (failure === undefined || isHelp(failure)) return undefined;
  const error = outsideFailure(failure);
  return { error: { kind: kindOf(error), ...factsOf(error) } };
}

function factsOf(error: unknown): ErrorFacts {
  if (error instanceof LogError) return error.facts;
  const problem = messageOf(error);
  if (error instanceof Interruption)
    return { object: "the run", problem, found: error.inPlace, advice: error.afterStop };
  if (error instanceof CommanderError) return { object: "the command line", problem };
  return { object: "tlog-migrate", problem, advice: "It is a fault of this program, please report it" };
}

/** The message of an error that is not a LogError, without what a line must not have. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return bounded(oneLine(withShownAddresses(message)));
}

/** The message of an error, undefined if it is written already; with `debug` the stack of what can only be a bug too. */
export function errorText(failure: unknown, debug: boolean): string | undefined {
  const error = outsideFailure(failure);
  if (error instanceof Interruption || error instanceof CommanderError) return undefined;
  if (error instanceof LogError) return error.message;
  const line = `internal error: ${messageOf(error)}, please report it`;
  return debug
    ? `${line}\n${withShownAddresses(`${error instanceof Error ? error.stack : ""}`)}`
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
