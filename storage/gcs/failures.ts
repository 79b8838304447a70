/** Failures of Cloud Storage: waited out where they may pass, and in our words, with what to do about them. */

import { OperationError } from "../../lib/errors.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import {
  type RetryObserver,
  type RetryPolicy,
  retryDelay,
  withRetries,
} from "../../lib/migrate/throttle/backoff.ts";
import { oneLine } from "../../lib/tlog/errors.ts";
import { excerpt } from "../../lib/tlog/note.ts";
import type { ApiAnswer } from "../http/client.ts";
import { statusError } from "../http/error-messages.ts";
import { retryAfterMs } from "../http/headers.ts";
import type { GcsPlace } from "./url.ts";

export interface RetryLimits {
  readonly retry: RetryPolicy;
  readonly retried?: RetryObserver | undefined;
  readonly signal: AbortSignal | undefined;
  /** When nothing is tried again any more, in milliseconds from the first try. Default: never. */
  readonly totalMs?: number;
}

/**
 * Does what may fail with a SourceError, until it succeeds or has had every fair chance.
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
    const advice = error.advice ?? "Run the same command again, it goes on where it stopped";
    throw new OperationError({ object, problem: error.message, advice }, { cause: error });
  }
}

/** An answer that is a failure. It shows the operator what the API says besides the status. */
export function answerError(answer: ApiAnswer, host: string, place: GcsPlace): SourceError {
  const error = statusError(answer.status, host, retryAfterMs(answer.headers));
  return gcsError(error, place, apiMessage(answer.body));
}

/** A failure with what to do about it in a bucket. @param said what the API says of it. */
export function gcsError(error: SourceError, { bucket }: GcsPlace, said = ""): SourceError {
  const advice = statusAdvice(error.status, bucket) ?? error.advice;
  const details = said === "" ? "" : ` (${oneLine(said).slice(0, 300)})`;
  return new SourceError(`${error.message}${details}`, { ...error, advice }, { cause: error });
}

function statusAdvice(status: number | undefined, bucket: string): string | undefined {
  switch (status) {
    case 401:
      return "Renew the credentials: `gcloud auth application-default login`, or GOOGLE_APPLICATION_CREDENTIALS";
    case 403:
      return (
        `Give the account whose credentials these are the role roles/storage.objectUser on gs://${bucket} ` +
        "(roles/storage.objectViewer to read only)"
      );
    case 404:
      return `Check that there is a bucket ${bucket}, or create it first`;
    default:
      return undefined;
  }
}

/** The message in an error of the JSON API. */
function apiMessage(body: Buffer): string | undefined {
  try {
    const { error } = JSON.parse(body.toString("utf8")) as { error?: { message?: unknown } };
    return typeof error?.message === "string" ? error.message : undefined;
  } catch {
    return undefined;
  }
}
