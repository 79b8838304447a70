/** Asking Cloud Storage until it answers, or until it had every fair chance. */

import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import { OperationError } from "../../lib/errors.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";

/** How often and after how long a request is sent again that failed for a reason which may pass. */
export interface Patience {
  readonly attempts: number;
  /** In milliseconds; it doubles each time, with jitter, up to `maxDelayMs`. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Longest wait that a Retry-After may ask for. */
  readonly maxRetryAfterMs: number;
}

/** What bounds the tries. */
export interface PatienceLimits {
  readonly patience: Patience;
  readonly signal: AbortSignal | undefined;
  /** When nothing is tried again any more, in milliseconds from the first try. Default: never. */
  readonly totalMs?: number;
  /** Whether a failure that may pass is worth another try at this moment. Default: always. */
  readonly isWorthwhile?: (error: SourceError) => boolean;
}

/**
 * Does what may fail with a SourceError.
 * @param object what messages call what is asked for.
 * @throws OperationError in the place of the last SourceError; the signal's reason once that has fired.
 */
export async function patiently<T>(
  object: string,
  { patience, signal, totalMs, isWorthwhile = () => true }: PatienceLimits,
  attempt: () => Promise<T>,
): Promise<T> {
  const { attempts, minDelayMs, maxDelayMs, maxRetryAfterMs } = patience;
  const canRetry = (error: unknown): error is SourceError =>
    error instanceof SourceError && error.retryable && isWorthwhile(error);
  try {
    return await pRetry(attempt, {
      retries: attempts,
      minTimeout: minDelayMs,
      maxTimeout: maxDelayMs,
      randomize: true,
      ...(totalMs !== undefined && { maxRetryTime: totalMs }),
      ...(signal && { signal }),
      shouldRetry: ({ error }) => canRetry(error),
      async onFailedAttempt({ error, retriesLeft }) {
        const asked = retriesLeft === 0 || !canRetry(error) ? 0 : (error.retryAfterMs ?? 0);
        if (asked > 0)
          await sleep(Math.min(asked, maxRetryAfterMs), undefined, { ...(signal && { signal }) });
      },
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof SourceError)) throw error;
    const advice = error.advice ?? "Run the same command again, it goes on where it stopped";
    throw new OperationError({ object, problem: error.message, advice }, { cause: error });
  }
}
