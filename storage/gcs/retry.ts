/** Requests to Cloud Storage, repeated until it answers or has had every fair chance. */

import { OperationError } from "../../lib/errors.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { type RetryPolicy, retryDelay, withRetries } from "../../lib/migrate/throttle/backoff.ts";

/** What bounds the tries. */
export interface RetryLimits {
  readonly retry: RetryPolicy;
  readonly signal: AbortSignal | undefined;
  /** When nothing is tried again any more, in milliseconds from the first try. Default: never. */
  readonly totalMs?: number;
  /** Whether a failure that may pass is worth another try at this moment. Default: always. */
  readonly isWorthwhile?: (error: SourceError) => boolean;
}

/**
 * Does what may fail with a SourceError.
 * @param object what messages call what is asked for.
 * @throws OperationError in place of the last SourceError; the signal's reason once that has fired.
 */
export async function patiently<T>(
  object: string,
  { retry, signal, totalMs = Number.POSITIVE_INFINITY, isWorthwhile = () => true }: RetryLimits,
  attempt: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  let failures = 0;
  const delayAfter = (error: unknown): number | undefined => {
    failures++;
    if (error instanceof SourceError && !isWorthwhile(error)) return undefined;
    const leftMs = startedAt + totalMs - performance.now();
    const delayMs = retryDelay(error, failures, retry);
    return delayMs === undefined || leftMs <= 0 ? undefined : Math.min(delayMs, leftMs);
  };
  try {
    return await withRetries(attempt, delayAfter, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof SourceError)) throw error;
    const advice = error.advice ?? "Run the same command again, it goes on where it stopped";
    throw new OperationError({ object, problem: error.message, advice }, { cause: error });
  }
}
