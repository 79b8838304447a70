/** How long requests to an object store are retried. */

import { isMainThread } from "node:worker_threads";
import { OperationError } from "../../lib/errors.ts";
import { againIfPassing } from "../../lib/migrate/outside-failure.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import {
  FIRST_CONTACT_RETRIES,
  type RetryObserver,
  type RetryPolicy,
  retryDelay,
  withRetries,
} from "../../lib/migrate/throttle/backoff.ts";
import { excerpt } from "../../lib/tlog/note.ts";

/** When what is asked seldom is not asked again any more. */
export const SELDOM_TOTAL_MS = 180_000;

export interface RetryLimits {
  readonly retry: RetryPolicy;
  readonly retried?: RetryObserver | undefined;
  readonly signal: AbortSignal | undefined;
  /** When nothing is tried again any more, in milliseconds from the first try. Default: never. */
  readonly totalMs?: number;
}

/**
 * Repeats an operation that may fail with a SourceError, until it succeeds or the failure is final.
 * @throws OperationError for `object` in place of the last SourceError; the signal's reason once that has fired.
 */
export async function patiently<T>(
  object: string,
  { retry, retried, signal, totalMs = Number.POSITIVE_INFINITY }: RetryLimits,
  attempt: () => Promise<T>,
): Promise<T> {
  const endsAt = performance.now() + totalMs;
  let failures = 0;
  const delayAfter = (error: unknown): number | undefined => {
    const delayMs = retryDelay(error, ++failures, retry);
    const leftMs = endsAt - performance.now();
    if (delayMs === undefined || leftMs <= 0) return undefined;
    const reason = excerpt(error instanceof Error ? error.message : String(error));
    retried?.({ object, reason, delayMs });
    return Math.min(delayMs, leftMs);
  };
  try {
    return await withRetries(attempt, delayAfter, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof SourceError)) throw error;
    const advice = error.advice ?? againIfPassing(error);
    throw new OperationError({ object, problem: error.message, advice }, { cause: error });
  }
}

/** Whether the store has ever answered. If not, the network or the address is wrong. */
export class FirstContact {
  // Other threads are started once the main one has been there.
  wasMade = !isMainThread;
  /** How often the connection broke off before that. */
  #brokenOff = 0;

  /** A failure, which is not to be waited out if it says that the store never was there. */
  classify(failure: SourceError): SourceError {
    // What answers with a status is there.
    if (failure.status !== undefined) this.wasMade = true;
    if (this.wasMade) return failure;
    if (failure.brokenOff) this.#brokenOff++;
    if (!failure.unreachable && this.#brokenOff <= FIRST_CONTACT_RETRIES) return failure;
    return new SourceError(failure.message, { ...failure, retryable: false }, { cause: failure });
  }
}
