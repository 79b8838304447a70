/**
 * The source's checkpoint, compared with the known tree of its log. A log may be served by several replicas, or through
 * a cache, and any of them may be behind: after an older checkpoint the request is repeated, and only a checkpoint that
 * contradicts the known tree is a verification failure.
 */

import { OperationError, VerificationError } from "../../errors.ts";
import { equalBytes, formatHash } from "../../tlog/merkle.ts";
import { formatCount } from "../../tlog/quantities.ts";
import { type HashTree, SourceError, type TreeHead } from "../ports/source.ts";
import { openTree } from "../read/authentic.ts";
import { readTrustedCheckpoint, type TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import { type CopySession, checkpointContext } from "../session.ts";
import { storedLog, storedTiles } from "./stored-log.ts";

/**
 * Reads the source's checkpoint until it is at least as new as a known tree of the same log.
 * @param seen a checkpoint that was just read, and is checked first.
 * @throws VerificationError if it contradicts the known tree: another root at the same size, or not a prefix.
 * @throws OperationError if it is still older after all retries.
 */
export function readSourceCheckpoint(
  session: CopySession,
  known: TreeHead,
  seen?: TrustedCheckpoint,
): Promise<TrustedCheckpoint> {
  const check = (now: TreeHead): Promise<void> => requireNotOlder(session, now, known);
  return readTrustedCheckpoint(checkpointContext(session), session.options.policy, { seen, check });
}

/**
 * Reads the source's checkpoint once: it may be older than the known tree.
 * @param stale an older checkpoint of the same log that was read before, and need not be compared again.
 * @throws VerificationError if it contradicts the known tree; OperationError if it is unavailable.
 */
export function pollSourceCheckpoint(
  session: CopySession,
  known: TreeHead,
  stale: Uint8Array | undefined,
): Promise<TrustedCheckpoint> {
  const { context, options } = session;
  const check = async (now: TrustedCheckpoint): Promise<void> => {
    if (stale === undefined || !equalBytes(now.note, stale)) await requireSameLog(session, now, known);
  };
  const once = { ...context, retry: { ...context.retry, attempts: 0 } };
  return readTrustedCheckpoint(once, options.policy, { check });
}

/** @throws VerificationError for a contradiction; SourceError for an older tree, which may be temporary. */
async function requireNotOlder(session: CopySession, now: TreeHead, known: TreeHead): Promise<void> {
  await requireSameLog(session, now, known);
  if (now.size >= known.size) return;
  const { isLocal = false } = session.context;
  const cause = isLocal ? "this copy of the log is behind" : "a cache or a replica is behind";
  const problem = `is of size ${formatCount(now.size)}, older than the one of size ${formatCount(known.size)} that was read before: ${cause}`;
  throw new SourceError(problem, { retryable: !isLocal, advice: STALE_ADVICE });
}

/** @throws VerificationError unless a tree that is no larger is of the same log; SourceError if that is unknown. */
async function requireSameLog(session: CopySession, now: TreeHead, known: TreeHead): Promise<void> {
  if (now.size > known.size) return;
  const { source, isLocal = false } = session.context;
  const { location } = source;
  // A directory has no cache, and a log's writer never goes back to an older checkpoint.
  const retryable = !isLocal;
  const derived = now.size === known.size ? known.rootHash : await rootOfPrefix(session, known, now.size);
  if (derived === undefined) {
    const problem = `is of size ${formatCount(now.size)}, older than the one of size ${formatCount(known.size)} that was read before, and the tiles that would show whether it is of the same log are unavailable`;
    throw new SourceError(problem, { retryable, advice: STALE_ADVICE + MISTAKE_ADVICE });
  }
  if (!equalBytes(derived, now.rootHash)) {
    const isSameSize = now.size === known.size;
    const problem = isSameSize
      ? `the log forked: at size ${formatCount(now.size)} it had another root before`
      : `the log forked: the tree of size ${formatCount(known.size)} that was read before does not begin with this one of size ${formatCount(now.size)}`;
    throw otherLog(location, problem, formatHash(derived), formatHash(now.rootHash));
  }
}

const STALE_ADVICE =
  "Wait until it has caught up, or use a replica that has, then run the same command again; if it stays older, the log " +
  "has lost entries: ask its operator";

/** A size that the tree cannot have is detected before anything is stored. */
const MISTAKE_ADVICE =
  "; if that size was signed by mistake, and nothing is stored in the target yet, `tlog-migrate abandon` removes the claim";

/**
 * The root of the first `size` entries of a known tree; undefined if its tiles are unavailable. The target may have only
 * some of the tiles, and a source that is behind none. Tiles from either are authenticated.
 */
async function rootOfPrefix(
  session: CopySession,
  known: TreeHead,
  size: number,
): Promise<Uint8Array | undefined> {
  for (const context of [storedLog(session), session.context]) {
    try {
      const tree = await openTree(context, known);
      return await tree.rootOfPrefix(size);
    } catch (error) {
      if (!(error instanceof VerificationError || error instanceof OperationError)) throw error;
    }
  }
  return undefined;
}

/**
 * A grown log must still begin with the tree that was copied: its root is derived from the new tree's tiles.
 * @returns the new tree.
 */
export async function requireGrownFrom(
  session: CopySession,
  old: TrustedCheckpoint,
  now: TrustedCheckpoint,
): Promise<HashTree> {
  const tree = await openTree(session.context, now, storedTiles(session));
  const derived = await tree.rootOfPrefix(old.size);
  if (equalBytes(derived, old.rootHash)) return tree;
  const problem = `the log forked: its tree of size ${formatCount(now.size)} does not begin with the one of size ${formatCount(old.size)}`;
  throw otherLog(session.context.source.location, problem, formatHash(old.rootHash), formatHash(derived));
}

/** The error for a source whose checkpoint is not of the same log as before. */
export function otherLog(
  source: string,
  problem: string,
  expected: string,
  found: string,
): VerificationError {
  const object = `${source}: the checkpoint`;
  const advice = "Do not continue until the log's operator has explained this; the target was not changed";
  return new VerificationError({ object, problem, expected, found, advice });
}
