/** What `verify` holds a log against: its signed checkpoint, or the tree state of a place without one. */

import type { IntegratedTree, MigrationTarget, TargetContents } from "../../storage/target.ts";
import type { CheckpointPolicy } from "../tlog/checkpoint.ts";
import { FormatError, UsageFailure, VerificationFailure } from "../tlog/errors.ts";
import { equalBytes, formatHash } from "../tlog/merkle.ts";
import { type Finding, findings } from "./bundle-verifier.ts";
import type { ReadContext } from "./read-context.ts";
import { AuthenticTree, requireHash, type TreeHead } from "./tree.ts";
import { readTrustedCheckpoint } from "./trusted-checkpoint.ts";

/** What a log is held against. */
export interface Authority {
  readonly kind: "checkpoint" | "treeState";
  readonly origin?: string;
  readonly head: TreeHead;
}

/** The signed checkpoint; in a migrated directory without one, the tree state. */
export async function findAuthority(
  context: ReadContext,
  place: MigrationTarget | undefined,
  policy: CheckpointPolicy | undefined,
): Promise<Authority> {
  if (place !== undefined) {
    const contents = await requireFinished(place);
    const tree = await treeStateOf(place);
    const hasCheckpoint = (await context.source.checkpoint({ signal: context.signal })) !== undefined;
    if (!hasCheckpoint && tree !== undefined) return { kind: "treeState", head: tree };
    if (!hasCheckpoint) throw noLog(place, contents);
  }
  if (policy === undefined) {
    throw new UsageFailure({
      object: context.source.location,
      problem: "its checkpoint cannot be trusted without a key",
      advice:
        "Pass --vkey, or for Static CT --log-list, or --public-key with --origin; or --insecure-no-signature to go on without",
    });
  }
  const { origin, size, rootHash } = await readTrustedCheckpoint({ ...context, firstContact: true }, policy);
  return { kind: "checkpoint", origin, head: { size, rootHash } };
}

async function requireFinished(place: MigrationTarget): Promise<TargetContents> {
  const contents = await place.inspect();
  if (contents.kind !== "claimed") return contents;
  throw new VerificationFailure({
    object: place.location,
    problem: "is an unfinished migration, not a log",
    advice: "Run the same `tlog-migrate copy` again to finish it, then verify",
  });
}

function noLog(place: MigrationTarget, contents: TargetContents): VerificationFailure {
  return new VerificationFailure({
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
  if (integrated === undefined) return { head, faults: [] };
  if (integrated.size > head.size) {
    const faults = await findings(place.treeStateName, () =>
      requireExtension(context, place.treeStateName, integrated, head),
    );
    return { head: faults.length === 0 ? integrated : head, faults };
  }
  if (integrated.size === head.size && equalBytes(integrated.rootHash, head.rootHash)) {
    return { head, faults: [] };
  }
  const [expected, found] = [describe(head), describe(integrated)];
  const problem = `is not the tree that was signed, and log software would go on from it (expected ${expected}, found ${found})`;
  return { head, faults: [{ path: place.treeStateName, problem }] };
}

/** @throws VerificationFailure unless the stored tiles give both roots. */
async function requireExtension(
  context: ReadContext,
  object: string,
  integrated: IntegratedTree,
  head: TreeHead,
): Promise<void> {
  try {
    const tree = await AuthenticTree.authenticate(context, integrated);
    requireHash(await tree.rootOfPrefix(head.size), head.rootHash);
  } catch (error) {
    if (error instanceof FormatError) {
      const problem = `its tree does not begin with the ${head.size} entries that were signed`;
      const { expected, found } = error;
      throw new VerificationFailure({ object, problem, expected, found }, { cause: error });
    }
    if (!(error instanceof VerificationFailure)) throw error;
    const problem = `the stored tiles do not give its root of size ${integrated.size}: ${error.facts.object} ${error.facts.problem}`;
    throw new VerificationFailure({ ...error.facts, object, problem }, { cause: error });
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
    throw new VerificationFailure({ object: `${place.location}: the tree state`, problem: error.message });
  }
}
