/**
 * Reading what can be authenticated, until it is or until the source had every fair chance. Network faults and
 * busy servers are waited out; bytes that do not authenticate are asked for again past every cache.
 */

import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import { OperationError, VerificationError } from "../../errors.ts";
import { FormatError } from "../../tlog/errors.ts";
import { CHECKPOINT_PATH } from "../../tlog/layout.ts";
import { type ReadHints, SourceError } from "../ports/source.ts";
import type { Reservation } from "./byte-budget.ts";
import type { ReadContext } from "./context.ts";
import type { RetryPolicy } from "./retry-policy.ts";

/**
 * Reads an object and authenticates it.
 * @param path the object's path, for messages.
 * @param read one read of it, undefined where the source has none.
 * @param authenticate throws FormatError, or rejects with it, unless the bytes are right.
 * @param reservation what the bytes are held under. A failed read gives all of it back: the next one may come much
 * later, and would hold its bytes beside those of this one.
 * @throws VerificationError if no answer authenticated; OperationError if the source could not be read.
 */
export async function readAuthentic<T>(
  context: ReadContext,
  path: string,
  read: (hints: ReadHints) => Promise<Uint8Array | undefined>,
  authenticate: (bytes: Uint8Array) => T | Promise<T>,
  reservation?: Reservation,
): Promise<T> {
  const { counters, retry, signal } = context;
  const attempt = async (fresh: boolean): Promise<T> => {
    try {
      const bytes = await read({ fresh, signal, ...(reservation && { reservation }) });
      if (bytes === undefined) throw new FormatError("is missing");
      return await authenticated(context, path, bytes, authenticate);
    } catch (error) {
      reservation?.release();
      throw error;
    }
  };
  try {
    return await attempt(false);
  } catch (first) {
    signal.throwIfAborted();
    if (!canRetry(first) || (context.firstContact === true && isWrongAddress(first)))
      throw failureOf(context, path, first);
    return await retried(context, path, attempt, first, { counters, retry });
  }
}

/** Where a source can tell why its bytes do not authenticate, the error says that. */
async function authenticated<T>(
  { source }: ReadContext,
  path: string,
  bytes: Uint8Array,
  authenticate: (bytes: Uint8Array) => T | Promise<T>,
): Promise<T> {
  try {
    return await authenticate(bytes);
  } catch (error) {
    const reason = error instanceof FormatError ? source.explain(path, bytes) : undefined;
    throw reason === undefined ? error : new FormatError(reason);
  }
}

async function retried<T>(
  context: ReadContext,
  path: string,
  attempt: (fresh: boolean) => Promise<T>,
  first: unknown,
  { counters, retry }: Pick<ReadContext, "counters" | "retry">,
): Promise<T> {
  const { signal } = context;
  let last = first;
  let contentFailures = 0;
  let sourceFailures = 0;
  const goesOn = (error: Error): boolean =>
    canRetry(error) && contentFailures <= retry.contentAttempts && sourceFailures <= retry.attempts;
  try {
    return await pRetry(
      async (number) => {
        // p-retry's first attempt stands for the one that has failed already, so that its waits follow it.
        if (number === 1) throw first;
        counters.add("retries", 1);
        return await attempt(last instanceof FormatError);
      },
      {
        // Two kinds of failures with a bound for each, which p-retry's one count cannot tell apart.
        retries: Number.POSITIVE_INFINITY,
        minTimeout: retry.minDelayMs,
        maxTimeout: retry.maxDelayMs,
        randomize: true,
        signal,
        shouldRetry: ({ error }) => goesOn(error),
        shouldConsumeRetry: ({ error }) => !(error instanceof FormatError),
        async onFailedAttempt({ error }) {
          last = error;
          if (error instanceof FormatError) contentFailures++;
          else sourceFailures++;
          if (goesOn(error)) await sleep(extraWait(error, contentFailures, retry), undefined, { signal });
        },
      },
    );
  } catch (error) {
    signal.throwIfAborted();
    throw failureOf(context, path, error);
  }
}

function isWrongAddress(error: unknown): boolean {
  return error instanceof FormatError || (error instanceof SourceError && error.unreachable);
}

/**
 * What is waited beyond p-retry's own backoff: what a Retry-After asks for; and, for bytes that do not
 * authenticate, which p-retry is told not to count, a little more each time.
 */
function extraWait(error: Error, contentFailures: number, retry: RetryPolicy): number {
  if (error instanceof FormatError) return (contentFailures * retry.minDelayMs) / 2;
  const asked = error instanceof SourceError ? error.retryAfterMs : undefined;
  return Math.min(asked ?? 0, retry.maxRetryAfterMs);
}

function canRetry(error: unknown): boolean {
  return error instanceof FormatError || (error instanceof SourceError && error.retryable);
}

/** The failure that a person reads, for what came of reading an object. */
export function failureOf({ source }: Pick<ReadContext, "source">, path: string, error: unknown): unknown {
  const object = source.locate(path);
  if (error instanceof FormatError) {
    const { message: problem, expected, found } = error;
    const usual =
      path === CHECKPOINT_PATH
        ? "Name the URL or directory below which the log serves its checkpoint"
        : "The source does not serve what its checkpoint commits to; these bytes were not written";
    return new VerificationError(
      { object: `${path} (${object})`, problem, expected, found, advice: error.advice ?? usual },
      { cause: error },
    );
  }
  if (error instanceof SourceError) {
    const advice = error.advice ?? "Run the same command again, it goes on where it stopped";
    return new OperationError({ object, problem: error.message, advice }, { cause: error });
  }
  return error;
}
