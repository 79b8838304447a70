/** Retries after temporary failures. */

import { SourceError } from "../ports/source.ts";
import { pause } from "./pause.ts";

/** How often and after which waits a request is retried. */
export interface RetryPolicy {
  /** Number of retries after a network error or an answer of a busy server. */
  readonly attempts: number;
  /** Wait before the first retry; it doubles each time, with jitter, up to `maxDelayMs`. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** The longest accepted Retry-After. */
  readonly maxRetryAfterMs: number;
  /** How often an object that is missing or does not authenticate is requested again. */
  readonly contentAttempts: number;
}

/** A failed request that is retried; plain data. */
export interface Retry {
  /** A URL or a path. */
  readonly object: string;
  /** The reason, as a clause. */
  readonly reason: string;
  /** The wait before the retry. */
  readonly delayMs: number;
}

export type RetryObserver = (retry: Retry) => void;

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 10,
  minDelayMs: 250,
  maxDelayMs: 30_000,
  maxRetryAfterMs: 600_000,
  contentAttempts: 5,
};

/** Number of retries if the server closes the first connections, as one on a wrong port does. */
export const FIRST_CONTACT_RETRIES = 3;

/** Whether a status means that the server is busy, not that the request is wrong. */
export function isRefusal(status: number | undefined): boolean {
  return status === 429 || status === 503;
}

/**
 * Repeats an operation that may fail.
 * @param delayAfter how long to wait after a failure, in milliseconds; undefined: the failure is final.
 * @throws the final failure; the signal's reason once that has fired.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  delayAfter: (error: unknown) => number | undefined,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      const delayMs = delayAfter(error);
      if (delayMs === undefined) throw error;
      await pause(delayMs, signal);
    }
  }
}

/**
 * How long to wait after a number of consecutive failures, the last of which is `error`, in milliseconds. Undefined if
 * the failure is permanent or the policy's attempts are used up.
 */
export function retryDelay(
  error: unknown,
  failures: number,
  { attempts, minDelayMs, maxDelayMs, maxRetryAfterMs }: RetryPolicy,
  factor = 2,
): number | undefined {
  if (!(error instanceof SourceError) || !error.retryable || failures > attempts) return undefined;
  const backoffMs = minDelayMs * factor ** (failures - 1) * (1 + Math.random());
  return Math.min(error.retryAfterMs ?? 0, maxRetryAfterMs) + Math.min(backoffMs, maxDelayMs);
}
