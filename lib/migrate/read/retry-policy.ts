/** When what failed is tried again. */

export interface RetryPolicy {
  /** Tries again after a network error or a busy answer. */
  readonly attempts: number;
  /** Shortest wait before a second try, in milliseconds; it doubles each time, with jitter, up to `maxDelayMs`. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Longest wait that a Retry-After may ask for. */
  readonly maxRetryAfterMs: number;
  /** How often bytes that do not authenticate, or that are missing, are asked for again. */
  readonly contentAttempts: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 10,
  minDelayMs: 250,
  maxDelayMs: 30_000,
  maxRetryAfterMs: 600_000,
  contentAttempts: 5,
};
