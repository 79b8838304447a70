/** A target that an earlier run handed over: its contents decide the outcome of this run. */

import { type TargetRefusedError, VerificationError } from "../../errors.ts";
import { equalBytes } from "../../tlog/merkle.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { TreeHead } from "../ports/source.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { openTree } from "../read/authentic.ts";
import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { CopySession } from "../session.ts";
import type { MigrationRecord } from "./marker.ts";
import { describeHead, refused, requireSameLog } from "./refusals.ts";
import { readSourceCheckpoint } from "./source-checkpoint.ts";
import { storedLog } from "./stored-log.ts";
import { treeStateOf } from "./tree-state.ts";

/** A target that an earlier run handed over. */
export interface AlreadyDone {
  readonly kind: "handed-over";
  /** The source's checkpoint, of the size that was handed over. */
  readonly checkpoint: TrustedCheckpoint;
  readonly record: MigrationRecord;
  /** Whether log software has continued the log since. */
  readonly grown: boolean;
}

/** A target equal to its record is done, a grown one has been taken over, and any other is a fault. */
export async function alreadyDone(
  session: CopySession,
  read: TrustedCheckpoint,
  record: MigrationRecord,
): Promise<AlreadyDone> {
  const { target, context } = session;
  requireSameLog(session, read, record);
  const done: TreeHead = { size: record.size, rootHash: Buffer.from(record.rootHash, "base64") };
  const checkpoint = await readSourceCheckpoint(session, done, read);
  const now = await withTreeState(target, async (tree = done) => {
    if (tree.size !== done.size || !equalBytes(tree.rootHash, done.rootHash)) {
      await requireContinued(session, tree, done);
    }
    // Readers of the source may already be directed to the new log.
    if (checkpoint.size > done.size && checkpoint.size <= tree.size) {
      await requirePrefix(session, tree, checkpoint, `${context.source.location}: the checkpoint`);
    }
    return tree;
  });
  if (checkpoint.size > now.size) throw notThatSize(target, record, checkpoint, now !== done);
  return { kind: "handed-over", checkpoint, record, grown: now.size > done.size };
}

/**
 * Calls `work` with the tree state (undefined for a mirror, which has none), and again if the tree state changed in the
 * meantime, since log software removes partial tiles of earlier trees.
 */
async function withTreeState<T>(
  target: MigrationTarget,
  work: (tree: TreeHead | undefined) => Promise<T>,
): Promise<T> {
  let tree = await treeStateOf(target, VerificationError);
  for (;;) {
    try {
      return await work(tree);
    } catch (error) {
      const now = await treeStateOf(target, VerificationError);
      if (now === undefined || now.size === tree?.size) throw error;
      tree = now;
    }
  }
}

/** @throws VerificationError unless a tree begins with the tree of the record. */
async function requireContinued(session: CopySession, tree: TreeHead, done: TreeHead): Promise<void> {
  const object = `${session.target.location}: the tree state`;
  if (tree.size > done.size) return await requirePrefix(session, tree, done, object);
  throw new VerificationError({
    object,
    problem: "is neither the tree that was handed over nor one that continues it",
    expected: describeHead(done),
    found: describeHead(tree),
    advice: "Run no log software there before you know what changed it",
  });
}

/** Derives the root of a smaller tree from the tiles of the target, in which log software may be running. */
async function requirePrefix(
  session: CopySession,
  tree: TreeHead,
  prefix: TreeHead,
  object: string,
): Promise<void> {
  const derived = await (await openTree(storedLog(session), tree)).rootOfPrefix(prefix.size);
  if (equalBytes(derived, prefix.rootHash)) return;
  throw new VerificationError({
    object,
    problem: `does not belong to the log in ${session.target.location}, which has ${formatCount(tree.size)} entries: there are two logs of one name`,
    expected: describeHead({ size: prefix.size, rootHash: derived }),
    found: describeHead(prefix),
    advice: "Stop all writers of this log until its operators have found out which one is right",
  });
}

function notThatSize(
  target: MigrationTarget,
  { size, finishedAt }: MigrationRecord,
  checkpoint: TreeHead,
  hasState: boolean,
): TargetRefusedError {
  return refused(target, {
    problem: hasState
      ? `was handed over at size ${formatCount(size)} on ${finishedAt} and belongs to the log software there`
      : `is a mirror that was finished at size ${formatCount(size)} on ${finishedAt}, and is never changed`,
    expected: "a source of that size",
    found: `size ${formatCount(checkpoint.size)}`,
    advice: hasState
      ? "If the source continued after the handover, its writer was not stopped: migrate into an empty target"
      : "Copy into an empty target, and direct readers to it",
  });
}
