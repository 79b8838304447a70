/** What `verify` holds a log against: its signed checkpoint, or the tree state of a place without one. */

import type { IntegratedTree, MigrationTarget } from "../../storage/target.ts";
import type { CheckpointPolicy } from "../tlog/checkpoint.ts";
import { FormatError, UsageFailure, VerificationFailure } from "../tlog/errors.ts";
import type { ReadContext } from "./read-context.ts";
import type { TreeHead } from "./tree.ts";
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
    await requireFinished(place);
    const tree = await treeStateOf(place);
    const hasCheckpoint = (await context.source.checkpoint({ signal: context.signal })) !== undefined;
    if (!hasCheckpoint && tree !== undefined) return { kind: "treeState", head: tree };
    if (!hasCheckpoint) throw noLog(place);
  }
  if (policy === undefined) {
    throw new UsageFailure({
      object: context.source.location,
      problem: "its checkpoint cannot be trusted without a key",
      advice: "Pass --vkey, or --public-key with --origin, or --insecure-no-signature to go on without",
    });
  }
  const { origin, size, rootHash } = await readTrustedCheckpoint({ ...context, firstContact: true }, policy);
  return { kind: "checkpoint", origin, head: { size, rootHash } };
}

async function requireFinished(place: MigrationTarget): Promise<void> {
  if ((await place.inspect()).kind !== "claimed") return;
  throw new VerificationFailure({
    object: place.location,
    problem: "is an unfinished migration, not a log",
    advice: "Run the same `tlog-migrate copy` again to finish it, then verify",
  });
}

function noLog(place: MigrationTarget): VerificationFailure {
  return new VerificationFailure({
    object: place.location,
    problem: "is no log: it has neither a checkpoint nor a tree state",
    advice: "Name the directory that holds the checkpoint, or the URL below which it is served",
  });
}

export async function treeStateOf(place: MigrationTarget): Promise<IntegratedTree | undefined> {
  try {
    return await place.integratedTree();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new VerificationFailure({ object: `${place.location}: the tree state`, problem: error.message });
  }
}
