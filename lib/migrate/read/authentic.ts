/**
 * Reads objects and authenticates them, with retries. After network faults and answers of busy servers it waits and
 * retries; objects that do not authenticate are requested again past every cache.
 */

import { IncompleteSourceError, OperationError, UsageError, VerificationError } from "../../errors.ts";
import { QuorumError } from "../../tlog/checkpoint.ts";
import { FormatError } from "../../tlog/errors.ts";
import { CHECKPOINT_PATH, isPartialPath } from "../../tlog/layout.ts";
import { excerpt } from "../../tlog/note.ts";
import { mayBePrunedAt } from "../../tlog/pruning.ts";
import { againIfPassing, outsideFailure } from "../outside-failure.ts";
import {
  type BundleHints,
  type HashTree,
  type LogSource,
  type ReadHints,
  SourceError,
  type TileRecovery,
  type TreeHead,
} from "../ports/source.ts";
import { FIRST_CONTACT_RETRIES, isRefusal, retryDelay, withRetries } from "../throttle/backoff.ts";
import type { Reservation } from "./byte-budget.ts";
import type { ReadContext } from "./context.ts";
import { PrunedError, readOrDenial } from "./pruned.ts";
import { IS_WEB_PAGE, isWebPage, NothingThereError } from "./web-page.ts";

/**
 * A refused request is retried soon, since the limit on requests in flight protects the source; later delays grow
 * faster, so that ten attempts take as long as usual. Simulated with answers after 10 ms, 5 % of them random 503: a
 * copy keeps 82 % of its speed with these delays, and 24 % with the usual ones.
 */
const FIRST_REFUSAL_DELAY = 0.05;
const REFUSAL_DELAY_FACTOR = 3.5;

/**
 * Reads an object and authenticates it.
 * @param path for messages.
 * @param read reads it once; undefined if the source does not have it.
 * @param authenticate throws FormatError, or rejects with it, unless the bytes are right.
 * @param reservation of memory for the bytes. A failed read releases all of it, since the next may come much later.
 * @throws VerificationError if no answer authenticated; OperationError if the source could not be read, its subclass
 * PrunedError if the log is pruned there.
 */
export async function readAuthentic<T>(
  context: ReadContext,
  path: string,
  read: (hints: ReadHints) => Promise<Uint8Array | undefined>,
  authenticate: (bytes: Uint8Array, isFresh: boolean) => T | Promise<T>,
  reservation?: Reservation,
): Promise<T> {
  const { source, counters, signal, minIndex = 0 } = context;
  const mayBePruned = minIndex > 0 && mayBePrunedAt(path, minIndex);
  let last: unknown;
  const readOnce = async (hints: ReadHints): Promise<T> => {
    let bytes: Uint8Array | undefined;
    try {
      const all = { ...hints, signal, ...(reservation && { reservation }) };
      bytes = await (mayBePruned ? readOrDenial(read, all) : read(all));
      if (bytes === undefined && mayBePruned) throw new PrunedError(source.locate(path), minIndex);
      if (bytes === undefined) throw new NothingThereError("is missing");
      return await authenticate(bytes, hints.fresh === true);
    } catch (error) {
      if (bytes !== undefined && error instanceof FormatError) counters.add("rejectedObjects", 1);
      const explanation =
        bytes && error instanceof FormatError ? await explained(source, path, bytes) : undefined;
      reservation?.release();
      throw explanation ?? error;
    }
  };
  const mayUseFull = context.replacesBadPartials === true && isPartialPath(path);
  const attempt = async (): Promise<T> => {
    if (last !== undefined) counters.add("retries", 1);
    const fresh = last instanceof FormatError || isOddAnswer(last);
    try {
      return await readOnce({ fresh });
    } catch (error) {
      last = error;
      if (!mayUseFull || !(error instanceof FormatError) || error instanceof NothingThereError) throw error;
      const whole = await readOnce({ fresh: true, fromFull: true }).catch(() => Promise.reject(error));
      const reason = `${error.message}; taken from the full one`;
      context.retried?.({ object: source.locate(path), reason, delayMs: 0 });
      return whole;
    }
  };
  const delayAfter = readDelays({
    ...context,
    isLasting: context.isLocal === true && path !== CHECKPOINT_PATH,
  });
  let noticed = "";
  const delayAndNotice = (error: unknown): number | undefined => {
    const delayMs = delayAfter(error);
    if (delayMs === undefined) return undefined;
    const [object, reason] = [
      source.locate(path),
      excerpt(error instanceof Error ? error.message : String(error)),
    ];
    context.retried?.({ object, reason, delayMs });
    if (reason !== noticed) context.notice?.(`${object}: ${reason}; trying again`, "warning");
    noticed = reason;
    return delayMs;
  };
  try {
    return await withRetries(attempt, delayAndNotice, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw readableFailure(context, path, error);
  }
}

/**
 * Hints for reading the parts of a bundle, which can only be authenticated as a whole: each part is retried until it
 * arrives. If the log may be pruned, a missing part is not retried.
 */
export function withParts(context: ReadContext, bundle: string, hints: ReadHints): BundleHints {
  const { minIndex = 0 } = context;
  if (minIndex > 0 && mayBePrunedAt(bundle, minIndex)) return hints;
  return { ...hints, readPart: (path, read) => readAuthentic(context, path, read, (bytes) => bytes) };
}

/**
 * The tree of a source.
 * @throws VerificationError if the source's tiles do not give the root, and those of `recovery` do not either; UsageError if
 * the place has the log in another layout.
 */
export async function openTree(
  context: ReadContext,
  head: TreeHead,
  recovery?: TileRecovery,
): Promise<HashTree> {
  const { source } = context;
  try {
    return await source.openTree(head, (...object) => readAuthentic(context, ...object), recovery);
  } catch (error) {
    if (error instanceof VerificationError) await requireThisLayout(source, head.size);
    throw error;
  }
}

/** @throws UsageError if the source has its log of `size` entries in another layout. */
export async function requireThisLayout(source: LogSource, size: number): Promise<void> {
  const other = await source.otherLayout?.(size).catch(() => undefined);
  if (other === undefined) return;
  const problem = "has its log in another layout: there are no tiles at the expected paths";
  throw new UsageError({ object: source.location, problem, advice: `Name it as ${other}` });
}

/** Sentences about objects of a source beyond a tree of `size` entries, as far as known. */
export async function beyondTree(source: LogSource, size: number): Promise<string[]> {
  const beyond = await source.beyond?.(size).catch(() => undefined);
  return beyond === undefined ? [] : [beyond];
}

/** What the number of retries of a read depends on. */
interface Rereading extends Pick<ReadContext, "retry" | "firstContact"> {
  /**
   * What is missing or wrong stays so. A file is, unless it is the checkpoint: log software replaces that one alone, and
   * only after it has stored all that the new one commits to.
   */
  readonly isLasting?: boolean;
}

/** How long to wait after each failure; failures of the source and wrong contents have separate bounds. */
export function readDelays({
  retry,
  firstContact,
  isLasting = false,
}: Rereading): (error: unknown) => number | undefined {
  let contentFailures = 0;
  let sourceFailures = 0;
  let isReached = firstContact !== true;
  return (error) => {
    const isOdd = isOddAnswer(error);
    const isContent = isOdd || error instanceof FormatError;
    // Refused or missing at the first contact: most often the address is wrong.
    const isRefused = !isOdd || (error.status ?? 0) >= 400;
    if (isContent && (isLasting || (firstContact === true && isRefused))) return undefined;
    if (error instanceof SourceError && !isReached) {
      isReached = error.status !== undefined;
      if (error.unreachable || (error.brokenOff && sourceFailures >= FIRST_CONTACT_RETRIES)) return undefined;
    }
    if (isContent) {
      contentFailures++;
      return contentFailures > retry.contentAttempts ? undefined : (contentFailures * retry.minDelayMs) / 2;
    }
    sourceFailures++;
    const isSpared = error instanceof SourceError && (isRefusal(error.status) || error.turnedAway);
    if (!isSpared) return retryDelay(error, sourceFailures, retry);
    const minDelayMs = retry.minDelayMs * FIRST_REFUSAL_DELAY;
    return retryDelay(error, sourceFailures, { ...retry, minDelayMs }, REFUSAL_DELAY_FACTOR);
  };
}

/**
 * Whether a source gave an answer that is neither an object nor a temporary failure, such as 403 or 206: one of several
 * servers, or a cache, may do so by mistake. Not 401: repeated attempts may lock an account.
 */
function isOddAnswer(error: unknown): error is SourceError {
  if (!(error instanceof SourceError) || error.retryable) return false;
  return error.status !== undefined && error.status !== 401;
}

/** A checkpoint that nobody has signed: something has answered in place of the log. */
export class UnsignedError extends FormatError {}

/** Why bytes do not authenticate, if the bytes or their source show it. */
async function explained(
  source: LogSource,
  path: string,
  bytes: Uint8Array,
): Promise<FormatError | undefined> {
  const reason = await source.explain(path, bytes);
  if (reason !== undefined) return new FormatError(reason);
  return isWebPage(bytes) ? new NothingThereError(IS_WEB_PAGE) : undefined;
}

/** The error to report for the last failure of reading an object. */
function readableFailure({ source, firstContact }: ReadContext, path: string, error: unknown): unknown {
  const object = source.locate(path);
  if (error instanceof NothingThereError && path === CHECKPOINT_PATH) {
    const facts = { object, problem: error.message };
    if (firstContact === true) return new UsageError({ ...facts, advice: CHECK_NAMES }, { cause: error });
    return new OperationError({ ...facts, advice: SERVED_BEFORE }, { cause: error });
  }
  if (error instanceof FormatError && path === CHECKPOINT_PATH) {
    const mayCome = error instanceof UnsignedError || error instanceof QuorumError;
    const Fault = mayCome ? IncompleteSourceError : VerificationError;
    return faultIn(object, error, firstContact === true ? CHECK_NAMES : SERVED_BEFORE, Fault);
  }
  if (error instanceof FormatError) {
    const isGone = error instanceof NothingThereError;
    const mayBePruned = isGone && mayBePrunedAt(path, Number.MAX_SAFE_INTEGER);
    const advice = mayBePruned ? SERVES_OTHERWISE + PRUNED : SERVES_OTHERWISE;
    return faultIn(`${path} (${object})`, error, advice, isGone ? IncompleteSourceError : VerificationError);
  }
  if (error instanceof SourceError) {
    const isWrongPort = firstContact === true && error.brokenOff;
    const advice = error.advice ?? (isWrongPort ? CHECK_ADDRESS : againIfPassing(error));
    return new OperationError({ object, problem: error.message, advice }, { cause: error });
  }
  return outsideFailure(error, object);
}

const SERVES_OTHERWISE =
  "The source does not serve what its checkpoint commits to; these bytes were not written";
const PRUNED = ". If its operator has pruned the log, pass --min-index <the first entry that it must have>";
const CHECK_NAMES =
  "Pass the URL or directory that contains the log's checkpoint, and check --origin and the keys; nothing was written";
const SERVED_BEFORE =
  "The source has served this log's checkpoint before: wait until it does again, then run the same command again";
const CHECK_ADDRESS = "Check the address: https or http, the host, and the port";

/** The error to report for an object's wrong bytes. @param advice unless the error has its own. */
export function faultIn(
  object: string,
  error: FormatError,
  advice: string,
  Fault: typeof VerificationError = VerificationError,
): VerificationError {
  const { message: problem, expected, found } = error;
  const facts = { object, problem, expected, found, advice: error.advice ?? advice };
  return new Fault(facts, { cause: error });
}
