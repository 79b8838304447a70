/**
 * Decides whether the checkpoint or tree state that a log was checked against may determine what is written there. All
 * other evidence of the log's identity must agree with it: otherwise a checkpoint or tree state of another log would
 * replace this log by that one.
 */

import { VerificationError } from "../../errors.ts";
import { FormatError } from "../../tlog/errors.ts";
import { equalBytes } from "../../tlog/merkle.ts";
import type { HashTree, TreeHead } from "../ports/source.ts";
import type { MigrationTarget } from "../ports/target.ts";
import type { MigrationRecord } from "../target/marker.ts";
import { describeHead } from "../target/refusals.ts";
import { readableTreeState, unreadableTreeState } from "../target/tree-state.ts";
import { faultOf } from "./findings.ts";
import { recordedHead } from "./stored-record.ts";
import type { TrustedHead } from "./trusted-head.ts";

export interface AuthorityOfRepair {
  readonly target: MigrationTarget;
  readonly trusted: TrustedHead;
  readonly record: MigrationRecord | undefined;
}

/**
 * @param open opens a tree of the log, from what is right in the log or its copy.
 * @throws VerificationError if the record of the handover is of another log; where no signature was verified, also if the
 * tree state is, or if it cannot be found out.
 */
export async function requireAuthority(
  { target, trusted, record }: AuthorityOfRepair,
  open: (head: TreeHead) => Promise<HashTree>,
): Promise<void> {
  const { kind, checkpoint, head } = trusted;
  const isSigned = (checkpoint?.signatures.length ?? 0) > 0;
  const others = new Map<string, TreeHead>();
  if (record !== undefined) others.set(target.recordName, recordedHead(record));
  if (kind === "checkpoint" && !isSigned) {
    const tree = await readableTreeState(target);
    if (tree instanceof FormatError) throw new VerificationError(unreadableTreeState(target, tree));
    if (tree !== undefined) others.set(target.treeStateName, tree);
  }
  for (const [object, other] of others) {
    const isSame = await areOfOneLog(head, other, open).catch((error: unknown) => {
      faultOf(error);
      if (!isSigned) throw error;
      return true;
    });
    if (isSame) continue;
    throw new VerificationError({
      object,
      problem: `is of another log than the ${kind === "checkpoint" ? "checkpoint" : "tree state"}, so nothing is repaired`,
      expected: describeHead(head),
      found: describeHead(other),
    });
  }
}

/** Whether the larger of two trees begins with the other. */
async function areOfOneLog(
  a: TreeHead,
  b: TreeHead,
  open: (head: TreeHead) => Promise<HashTree>,
): Promise<boolean> {
  const [smaller, larger] = a.size <= b.size ? [a, b] : [b, a];
  if (smaller.size === larger.size) return equalBytes(smaller.rootHash, larger.rootHash);
  const tree = await open(larger);
  return equalBytes(await tree.rootOfPrefix(smaller.size), smaller.rootHash);
}
