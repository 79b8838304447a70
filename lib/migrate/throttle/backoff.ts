/** Trying again what failed for a reason that may pass. */

import { SourceError } from "../ports/source.ts";
import { pause } from "./pause.ts";

/** How often and after how long a request is tried again. */
export interface RetryPolicy {
  /** Tries again after a network error or a busy answer. */
  readonly attempts: number;
  /** Wait before the first of them; it doubles each time, with jitter, up to `maxDelayMs`. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Longest wait that a Retry-After may ask for. */
  readonly maxRetryAfterMs: number;
  /** How often bytes that do not authenticate, or that are missing, are asked for again. */
  readonly contentAttempts: number;
}

/** A request that failed and is tried again; plain data. */
export interface Retry {
  /** A URL or a path. */
  readonly object: string;
  /** Why, as a clause. */
  readonly reason: string;
  /** After how long. */
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

/** How often a server is tried again that breaks the first connections off, as one does on a wrong port. */
export const FIRST_CONTACT_RETRIES = 3;

/** Whether a status says that the server has too much to do, rather than that something is wrong. */
export function isRefusal(status: number | undefined): boolean {
  return status === 429 || status === 503;
}

/**
 * Does what may fail, again and again.
 * @param delayAfter how long to wait after a failure, in milliseconds; undefined: it is final.
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
 * How long to wait after so many failures in a row of which `error` is the last, in milliseconds. Undefined if it
 * cannot pass or the policy's attempts are used up.
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
