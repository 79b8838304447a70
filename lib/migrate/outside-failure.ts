/** Separates failures of the system and of sources from bugs of this program. */

import { LogError, OperationError, systemErrorWords, VerificationError } from "../errors.ts";
import { FormatError } from "../tlog/errors.ts";
import { openFilesAdvice } from "./open-files.ts";
import { SourceError } from "./ports/source.ts";

const AGAIN = "Run the same command again: it continues where it stopped";
const MEND_FIRST = "Fix that first, then run the same command again: it continues where it stopped";

/** Failed system calls that may succeed the next time; all others fail again until somebody has fixed the cause. */
const PASSING = ["EAGAIN", "EBUSY", "EINTR", "EIO", "ENOMEM", "ESTALE", "ETIMEDOUT"];

/**
 * The error to print for an error of the operating system, of a source, or of malformed bytes that names no object yet.
 * Any other error is a bug of this program, and is returned unchanged.
 * @param object the object that failed, if the error itself does not name it.
 */
export function outsideFailure(error: unknown, object?: string): unknown {
  if (!(error instanceof Error) || error instanceof LogError) return error;
  const problem = systemErrorWords(error);
  if (error instanceof FormatError) {
    const { expected, found, advice } = error;
    const facts = { object: object ?? "the log", problem, expected, found, advice };
    return new VerificationError(facts, { cause: error });
  }
  if (error instanceof SourceError) {
    const advice = error.advice ?? againIfPassing(error);
    return new OperationError({ object: object ?? "the source", problem, advice }, { cause: error });
  }
  if (isOfSystem(error)) {
    const { path, syscall, code } = error;
    // The limit of this process or of the whole machine: the object that failed is not the cause.
    const usual = PASSING.includes(code ?? "") ? AGAIN : MEND_FIRST;
    const advice = code === "EMFILE" || code === "ENFILE" ? openFilesAdvice() : usual;
    const at = object === undefined || path === undefined ? "" : ` (${path})`;
    const facts = { object: object ?? path ?? syscall, problem: `${problem}${at}`, advice };
    return new OperationError(facts, { cause: error });
  }
  if (!isOfMemory(error)) return error;
  const advice = `${AGAIN}; lower --budget or --concurrency`;
  return new OperationError({ object: object ?? "memory", problem, advice }, { cause: error });
}

/** The advice for a failure of a source that has none of its own. */
export function againIfPassing({ retryable }: SourceError): string | undefined {
  return retryable ? AGAIN : undefined;
}

type SystemError = Error & { readonly syscall: string; readonly path?: string; readonly code?: string };

function isOfSystem(error: Error): error is SystemError {
  return "syscall" in error && typeof error.syscall === "string";
}

function isOfMemory(error: Error): boolean {
  const code = "code" in error ? error.code : undefined;
  return code === "ERR_MEMORY_ALLOCATION_FAILED" || /allocation failed/i.test(error.message);
}
