/** What `verify` holds a log against: its signed checkpoint, or the tree state of a place without one. */

import { noTreeState, requireStatedHome } from "../../../storage/bucket/state-location.ts";
import type { SpannerPlace } from "../../../storage/spanner/log-state.ts";
import { UsageError, VerificationError } from "../../errors.ts";
import type { CheckpointPolicy } from "../../tlog/checkpoint.ts";
import { FormatError } from "../../tlog/errors.ts";
import { equalBytes, formatHash } from "../../tlog/merkle.ts";
import type { Finding } from "../ports/executor.ts";
import type { IntegratedTree, MigrationTarget, TargetContents } from "../ports/target.ts";
import type { ReadContext } from "../read/context.ts";
import { openTree } from "../read/open-tree.ts";
import { readTrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { TreeHead } from "../tree/hash-tree.ts";
import { requireHash } from "../tree/tiled-tree.ts";
import { findings } from "./findings.ts";

/** What a log is held against. */
export interface Authority {
  readonly kind: "checkpoint" | "treeState";
  readonly origin?: string;
  readonly head: TreeHead;
  /**
   * Whether more may rightly stand in the place than the head says: log software integrates entries before it signs
   * them, and where its tree state was not looked at, nothing tells them from what stands in its way.
   */
  readonly mayLag: boolean;
}

/** A place that is looked at beside what is read of it. */
export interface LookedAt {
  readonly target: MigrationTarget;
  /** Where the private state was said to be, if not beside the log. */
  readonly spanner?: SpannerPlace | undefined;
  /** False for a place that has its private state elsewhere, and nobody said where. */
  readonly stateIsKnown: boolean;
}

/** The signed checkpoint; in a migrated place without one, the tree state. */
export async function findAuthority(
  context: ReadContext,
  place: LookedAt | undefined,
  policy: CheckpointPolicy | undefined,
): Promise<Authority> {
  let mayLag = false;
  if (place !== undefined) {
    const { target, spanner } = place;
    const contents = await requireFinished(place, context.signal);
    const tree = await treeStateOf(target);
    const hasCheckpoint = (await context.source.checkpoint({ signal: context.signal })) !== undefined;
    if (!hasCheckpoint && tree !== undefined) return { kind: "treeState", head: tree, mayLag };
    if (!hasCheckpoint) throw noLog(target, contents);
    if (tree === undefined && spanner !== undefined) throw noTreeState(target.location, spanner);
    // Nothing is ever added to a mirror that is finished.
    mayLag = !place.stateIsKnown && contents.kind !== "handed-over";
  }
  if (policy === undefined) {
    throw new UsageError({
      object: context.source.location,
      problem: "its checkpoint cannot be trusted without a key",
      advice:
        "Pass --vkey, or for Static CT --log-list, or --public-key with --origin; or --insecure-no-signature to go on without",
    });
  }
  const { origin, size, rootHash } = await readTrustedCheckpoint({ ...context, firstContact: true }, policy);
  return { kind: "checkpoint", origin, head: { size, rootHash }, mayLag };
}

async function requireFinished(
  { target, spanner, stateIsKnown }: LookedAt,
  signal: AbortSignal,
): Promise<TargetContents> {
  const contents = await target.inspect();
  const mayBeElsewhere = spanner !== undefined || !stateIsKnown;
  if (contents.kind === "occupied" && mayBeElsewhere) await requireStatedHome(target, spanner, signal);
  if (contents.kind !== "claimed") return contents;
  throw new VerificationError({
    object: target.location,
    problem: "is an unfinished migration, not a log",
    advice: "Run the same `tlog-migrate copy` again to finish it, then verify",
  });
}

function noLog(place: MigrationTarget, contents: TargetContents): VerificationError {
  return new VerificationError({
    object: place.location,
    problem: "is no log: it has neither a checkpoint nor a tree state",
    ...(contents.kind === "occupied" && { found: contents.found }),
    advice: "Name the directory that holds the checkpoint, or the URL below which it is served",
  });
}

/** The tree that stands in a place, and what is wrong with its tree state. */
export interface StandingTree {
  readonly head: TreeHead;
  readonly faults: readonly Finding[];
  /** Whether the place has a tree state, so that log software may be at work there. */
  readonly hasState: boolean;
}

/**
 * Holds the tree state of a place, which log software believes and will sign, against a head that is trusted.
 * A tree state that is ahead and begins with the trusted tree is what stands there; in every other case it is
 * the trusted tree. To be called after the checkpoint was read: log software at work integrates before it
 * signs, so the tree state may be ahead of an earlier checkpoint, but never behind it.
 */
export async function standingTree(
  context: ReadContext,
  place: MigrationTarget,
  head: TreeHead,
): Promise<StandingTree> {
  const integrated = await treeStateOf(place);
  if (integrated === undefined) return { head, faults: [], hasState: false };
  const hasState = true;
  if (integrated.size > head.size) {
    const faults = await findings(place.treeStateName, () =>
      requireExtension(context, place.treeStateName, integrated, head),
    );
    return { head: faults.length === 0 ? integrated : head, faults, hasState };
  }
  if (integrated.size === head.size && equalBytes(integrated.rootHash, head.rootHash)) {
    return { head, faults: [], hasState };
  }
  const [expected, found] = [describe(head), describe(integrated)];
  const problem = `is not the tree that was signed, and log software would go on from it (expected ${expected}, found ${found})`;
  return { head, faults: [{ path: place.treeStateName, problem }], hasState };
}

/** @throws VerificationError unless the stored tiles give both roots. */
async function requireExtension(
  context: ReadContext,
  object: string,
  integrated: IntegratedTree,
  head: TreeHead,
): Promise<void> {
  try {
    const tree = await openTree(context, integrated);
    requireHash(await tree.rootOfPrefix(head.size), head.rootHash);
  } catch (error) {
    if (error instanceof FormatError) {
      const problem = `its tree does not begin with the ${head.size} entries that were signed`;
      const { expected, found } = error;
      throw new VerificationError({ object, problem, expected, found }, { cause: error });
    }
    if (!(error instanceof VerificationError)) throw error;
    const problem = `the stored tiles do not give its root of size ${integrated.size}: ${error.facts.object} ${error.facts.problem}`;
    throw new VerificationError({ ...error.facts, object, problem }, { cause: error });
  }
}

function describe({ size, rootHash }: TreeHead): string {
  return `size ${size} and root ${formatHash(rootHash)}`;
}

export async function treeStateOf(place: MigrationTarget): Promise<IntegratedTree | undefined> {
  try {
    return await place.integratedTree();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new VerificationError({ object: `${place.location}: the tree state`, problem: error.message });
  }
}
