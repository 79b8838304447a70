/** What `verify` checks a log against: its signed checkpoint, or the tree state of a target without one. */

import { UsageError, VerificationError } from "../../errors.ts";
import type { CheckpointPolicy, OpenedCheckpoint } from "../../tlog/checkpoint.ts";
import { FormatError } from "../../tlog/errors.ts";
import { formatHash } from "../../tlog/merkle.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { Finding } from "../ports/executor.ts";
import { SourceError, type TreeHead } from "../ports/source.ts";
import type { MigrationTarget, TargetContents } from "../ports/target.ts";
import { openTree } from "../read/authentic.ts";
import type { ReadContext } from "../read/context.ts";
import { readTrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import { readableTreeState, unreadableTreeState } from "../target/tree-state.ts";
import { requireHash } from "../tree/tiled-tree.ts";
import { findings } from "./findings.ts";
import { storedMirror } from "./stored-record.ts";

/** What a log is checked against. */
export interface TrustedHead {
  readonly kind: "checkpoint" | "treeState";
  /** Undefined for a tree state. */
  readonly checkpoint?: OpenedCheckpoint;
  readonly head: TreeHead;
  /** Objects beyond the head may be legitimate: log software stores before it signs, and its tree state is unknown. */
  readonly mayLag: boolean;
}

/**
 * The signed checkpoint; of a migrated log without one, the tree state.
 * @param log the log as a target, and what it was found to contain, where it can be listed.
 */
export async function findTrustedHead(
  context: ReadContext,
  log: { readonly target: MigrationTarget; readonly contents: TargetContents } | undefined,
  policy: CheckpointPolicy | undefined,
): Promise<TrustedHead> {
  let mayLag = false;
  if (log !== undefined) {
    const { target, contents } = log;
    const { externalState, location } = target;
    await externalState?.requireNamed(contents);
    const isMirror = storedMirror(target, contents) !== undefined;
    if (contents.kind === "claimed" && !isMirror) {
      throw new UsageError({
        object: location,
        problem: "is an unfinished migration, not a log",
        advice:
          "Run the same `tlog-migrate copy` with --handover to finish it, then verify; `copy --recheck` repairs what is damaged in it",
      });
    }
    const tree = await readableTreeState(target);
    const hasCheckpoint = await isThereACheckpoint(context);
    if (!hasCheckpoint) {
      if (tree instanceof FormatError) throw new VerificationError(unreadableTreeState(target, tree));
      if (tree !== undefined) return { kind: "treeState", head: tree, mayLag };
      throw new UsageError({
        object: location,
        problem: "is not a log: it has neither a checkpoint nor a tree state",
        ...(contents.kind === "occupied" && { found: contents.found }),
        advice: "Pass the directory or URL that contains the checkpoint",
      });
    }
    if (tree === undefined && externalState?.isNamed && !isMirror) throw externalState.noTreeState();
    // A finished mirror never grows.
    mayLag = isMirror || (externalState?.isNamed === false && contents.kind !== "handed-over");
  }
  if (policy === undefined) {
    throw new UsageError({
      object: context.source.location,
      problem: "its checkpoint cannot be trusted without a key",
      advice:
        "Pass --vkey or --policy, or for Static CT --log-list, or --public-key with --origin; or --insecure-no-signature to continue without a key",
    });
  }
  const checkpoint = await readTrustedCheckpoint({ ...context, firstContact: true }, policy);
  const { size, rootHash } = checkpoint;
  return { kind: "checkpoint", checkpoint, head: { size, rootHash }, mayLag };
}

/** If it cannot be read, the reason is found later, with retries. */
async function isThereACheckpoint({ source, signal }: ReadContext): Promise<boolean> {
  try {
    return (await source.checkpoint({ signal })) !== undefined;
  } catch (error) {
    if (error instanceof SourceError || error instanceof FormatError) return true;
    throw error;
  }
}

/** The head from a log's tree state, and the fault of the tree state. */
export interface StateHead {
  readonly head: TreeHead;
  readonly faults: readonly Finding[];
  /** Whether there is a tree state, so that log software may be running. */
  readonly hasState: boolean;
}

/**
 * Checks a tree state, which log software believes and will sign, against a head that is trusted. If it is ahead and
 * begins with the trusted tree, it is the log's head; in every other case the trusted one is. To be called after the
 * checkpoint was read: log software integrates before it signs, so its tree state is never behind an earlier checkpoint.
 */
export async function readStateHead(
  context: ReadContext,
  target: MigrationTarget,
  head: TreeHead,
): Promise<StateHead> {
  const path = target.treeStateName;
  const integrated = await readableTreeState(target);
  if (integrated === undefined) return { head, faults: [], hasState: false };
  if (integrated instanceof FormatError) {
    const faults = await findings(path, () => {
      throw integrated;
    });
    return { head, faults, hasState: true };
  }
  if (integrated.size > head.size) {
    const faults = await findings(path, () => requireExtension(context, path, integrated, head));
    return { head: faults.length === 0 ? integrated : head, faults, hasState: true };
  }
  const [expected, found] = [describe(head), describe(integrated)];
  if (expected === found) return { head, faults: [], hasState: true };
  const problem = `is not the tree that was signed, and log software would continue from it (expected ${expected}, found ${found})`;
  return { head, faults: [{ path, problem }], hasState: true };
}

/** @throws VerificationError unless the stored tiles give both roots. */
async function requireExtension(
  context: ReadContext,
  object: string,
  integrated: TreeHead,
  head: TreeHead,
): Promise<void> {
  try {
    const tree = await openTree(context, integrated);
    requireHash(await tree.rootOfPrefix(head.size), head.rootHash);
  } catch (error) {
    if (error instanceof FormatError) {
      const problem = `its tree does not begin with the ${formatCount(head.size)} entries that were signed`;
      const { expected, found } = error;
      throw new VerificationError({ object, problem, expected, found }, { cause: error });
    }
    if (!(error instanceof VerificationError)) throw error;
    const problem = `the stored tiles do not give its root of size ${formatCount(integrated.size)}: ${error.facts.object} ${error.facts.problem}`;
    throw new VerificationError({ ...error.facts, object, problem }, { cause: error });
  }
}

function describe({ size, rootHash }: TreeHead): string {
  return `size ${formatCount(size)} and root ${formatHash(rootHash)}`;
}
