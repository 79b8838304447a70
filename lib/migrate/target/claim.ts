/**
 * Promise 4: an unfinished target cannot be mistaken for a log. The claim is the first thing written, and contains the
 * checkpoint aimed at, so that the next run continues with the same.
 */

import { type ErrorFacts, TargetRefusedError, VerificationError } from "../../errors.ts";
import type { CheckpointPolicy } from "../../tlog/checkpoint.ts";
import { FormatError } from "../../tlog/errors.ts";
import { CHECKPOINT_PATH, parseResourcePath } from "../../tlog/layout.ts";
import { equalBytes, formatHash } from "../../tlog/merkle.ts";
import { MAX_OBJECT_BYTES } from "../ports/source.ts";
import type { IntegratedTree, MigrationTarget } from "../ports/target.ts";
import { openTrusted, type TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { TreeHead } from "../tree/hash-tree.ts";
import {
  type Marker,
  type MigrationRecord,
  parseMarker,
  parseRecord,
  type StoredMarker,
  withText,
} from "./marker.ts";
import { removeDistrustedSeals, type SealGuarantees, trustedSeals } from "./seal-guarantees.ts";

/** What a claim needs to know about its run. */
export interface ClaimRequest extends SealGuarantees {
  readonly checkpoint: TrustedCheckpoint;
  readonly policy: CheckpointPolicy;
  /** Ends waits for the target. */
  readonly signal?: AbortSignal | undefined;
  readonly source: string;
  /** Whether to take over tiles that another tool left. */
  readonly adopt: boolean;
  readonly tool: string;
}

/** A target that is ours to write. */
export interface Claim {
  readonly kind: "claimed";
  /** The checkpoint that this run finishes first: the marker's, where an earlier run left one. */
  readonly aim: TrustedCheckpoint;
  readonly marker: StoredMarker;
  /** Whether objects may be in place already. */
  readonly resume: boolean;
  /** Whether a handover of `aim` has begun: the tree state exists, and only that size can be finished. */
  readonly handingOver: boolean;
  release(): Promise<void>;
}

/** A target that an earlier run handed over, with the size and root that the source has now. */
export interface AlreadyDone {
  readonly kind: "handed-over";
  readonly record: MigrationRecord;
  /** Whether the log software there has continued the log since. */
  readonly grown: boolean;
}

/**
 * Claims the target, or recognises our own claim.
 * @throws TargetRefusedError if it contains anything else, VerificationError if the source is no longer the log of the
 * claim.
 */
export async function claimTarget(
  target: MigrationTarget,
  request: ClaimRequest,
): Promise<Claim | AlreadyDone> {
  const contents = await target.inspect();
  switch (contents.kind) {
    case "empty":
      return await freshClaim(target, request);
    case "unclaimed-tiles":
      return await adoption(target, request, contents.example);
    case "claimed":
      return await ownClaim(target, request, contents.marker);
    case "handed-over":
      return await alreadyDone(target, request, parseRecord(contents.record, target.location));
    case "occupied":
      throw occupied(target, contents.found);
  }
}

async function freshClaim(target: MigrationTarget, request: ClaimRequest): Promise<Claim> {
  const marker = withText(newMarker(request, false));
  await target.claim(marker.text);
  const lock = await target.lock();
  return { kind: "claimed", aim: request.checkpoint, marker, resume: false, handingOver: false, ...lock };
}

async function adoption(target: MigrationTarget, request: ClaimRequest, example: string): Promise<Claim> {
  if (!request.adopt) {
    throw new TargetRefusedError({ object: target.location, ...(await unclaimed(target, example)) });
  }
  // A listing refuses symbolic links: through one, another log's objects would be removed or written below.
  for await (const _ of target.list("tile"));
  const marker = withText(newMarker(request, true));
  await target.claim(marker.text);
  const lock = await target.lock();
  return await releasedOnFailure(lock, async () => {
    const trusted = await removeDistrustedSeals(target, marker, request);
    return {
      kind: "claimed",
      aim: request.checkpoint,
      marker: trusted,
      resume: true,
      handingOver: false,
      ...lock,
    };
  });
}

/** @param example something where the tiles of a log would be. */
async function unclaimed(
  target: MigrationTarget,
  example: string,
): Promise<Pick<ErrorFacts, "problem" | "advice">> {
  const tile = parseResourcePath(example) === undefined ? await firstResource(target) : example;
  if (tile === undefined) {
    const problem = `contains what no migration of ours wrote and is not part of a log, for example ${example}`;
    return { problem, advice: "Choose an empty target" };
  }
  return {
    problem: `contains tiles that no migration of ours wrote, for example ${tile}`,
    advice:
      "Choose an empty target; or, if it is an unfinished copy of this very log by another tool, pass --adopt",
  };
}

async function firstResource(target: MigrationTarget): Promise<string | undefined> {
  for await (const { path } of target.list("tile")) if (parseResourcePath(path) !== undefined) return path;
  return undefined;
}

async function ownClaim(target: MigrationTarget, request: ClaimRequest, text: string): Promise<Claim> {
  const { checkpoint, policy, format } = request;
  const marker = { ...parseMarker(text, target.location), text };
  requireSame(target, "origin", checkpoint.origin, marker.origin);
  requireSame(target, "format", format, marker.format);
  const aim = openTrusted(Buffer.from(marker.checkpoint), policy, `the marker in ${target.location}`);
  requireNoRegress(checkpoint, aim, request.source);
  await requireNoCheckpoint(target, request.signal);
  const handingOver = await hasBegunHandover(target, aim);
  const lock = await target.lock();
  return await releasedOnFailure(lock, async () => {
    const trusted = await trustedSeals(target, marker, request, request.signal);
    return { kind: "claimed", aim, marker: trusted, resume: true, handingOver, ...lock };
  });
}

/** With a checkpoint the handover would be refused: better reported now than when all is copied. */
async function requireNoCheckpoint(target: MigrationTarget, signal: AbortSignal | undefined): Promise<void> {
  const writer = target.openWriter(signal);
  try {
    if ((await writer.read(CHECKPOINT_PATH, MAX_OBJECT_BYTES)) === undefined) return;
  } finally {
    await writer.close();
  }
  throw new TargetRefusedError({
    object: target.location,
    problem: "a checkpoint appeared while the copy was unfinished",
    found: target.locate(CHECKPOINT_PATH),
    advice: "Find out who else writes here and move it away, then run the same command again",
  });
}

async function releasedOnFailure<T>(lock: { release(): Promise<void> }, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A crash may have happened between writing the tree state and lifting the guard; another tree state is not ours. */
async function hasBegunHandover(target: MigrationTarget, aim: TrustedCheckpoint): Promise<boolean> {
  const tree = await integratedTree(target);
  if (tree === undefined) return false;
  if (tree.size === aim.size && equalBytes(tree.rootHash, aim.rootHash)) return true;
  throw new TargetRefusedError({
    object: target.location,
    problem: "contains a tree state that this migration did not write",
    expected: `size ${aim.size}, root ${formatHash(aim.rootHash)}`,
    found: `size ${tree.size}, root ${formatHash(tree.rootHash)}`,
    advice: "Find out what wrote it; nothing was changed",
  });
}

async function integratedTree(target: MigrationTarget): Promise<IntegratedTree | undefined> {
  try {
    return await target.integratedTree();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new TargetRefusedError({
      object: `${target.location}: the tree state`,
      problem: error.message,
      advice: "Find out what wrote it; nothing was changed",
    });
  }
}

async function alreadyDone(
  target: MigrationTarget,
  request: ClaimRequest,
  record: MigrationRecord,
): Promise<AlreadyDone> {
  const { checkpoint } = request;
  requireSame(target, "origin", checkpoint.origin, record.origin);
  requireSame(target, "format", request.format, record.format);
  if (checkpoint.size === record.size) {
    const rootHash = Buffer.from(record.rootHash, "base64");
    requireNoRegress(checkpoint, { size: record.size, rootHash }, request.source);
    await target.confirmHandOver();
    // A mirror has no tree state: no log software continues it.
    const tree = await integratedTree(target);
    return { kind: "handed-over", record, grown: tree !== undefined && tree.size !== record.size };
  }
  throw otherSize(target, record, checkpoint.size, (await integratedTree(target)) !== undefined);
}

/** @param hasState whether log software could continue it: without a state it is a mirror. */
function otherSize(
  target: MigrationTarget,
  { size, finishedAt }: MigrationRecord,
  found: number,
  hasState: boolean,
): TargetRefusedError {
  return new TargetRefusedError({
    object: target.location,
    problem: hasState
      ? `was handed over at size ${size} on ${finishedAt} and belongs to the log software there`
      : `is a mirror that was finished at size ${size} on ${finishedAt}, and is never changed`,
    expected: `a source of that size`,
    found: `size ${found}`,
    advice: hasState
      ? "If the source continued after the handover, its writer was not frozen: migrate into an empty target"
      : "Copy into an empty target, and point readers there",
  });
}

/** A source may grow while a migration is unfinished, never shrink, and never have another root at one size. */
export function requireNoRegress(now: TreeHead, aim: TreeHead, source: string): void {
  const object = `${source}: the checkpoint`;
  const advice = "Do not continue before the log's operator has explained it; the target was not changed";
  if (now.size < aim.size) {
    const [expected, found] = [`size ${aim.size} or more`, `size ${now.size}`];
    throw new VerificationError({ object, problem: "the log shrank", expected, found, advice });
  }
  if (now.size === aim.size && !equalBytes(now.rootHash, aim.rootHash)) {
    const [expected, found] = [formatHash(aim.rootHash), formatHash(now.rootHash)];
    const problem = `the log forked: at size ${now.size} it had another root before`;
    throw new VerificationError({ object, problem, expected, found, advice });
  }
}

function requireSame(target: MigrationTarget, what: string, here: string, there: string): void {
  if (here === there) return;
  throw new TargetRefusedError({
    object: target.location,
    problem: `contains another log: its ${what} differs`,
    expected: here,
    found: there,
    advice: "Choose another target",
  });
}

function occupied(target: MigrationTarget, found: string): TargetRefusedError {
  return new TargetRefusedError({
    object: target.location,
    problem: "is somebody's log, or could be one; nothing was changed",
    found,
    advice: "Choose an empty target",
  });
}

function newMarker(request: ClaimRequest, distrustSeals: boolean): Marker {
  const { checkpoint, source, format, tool, allowMissingIssuers, deep } = request;
  return {
    origin: checkpoint.origin,
    source,
    format,
    checkpoint: Buffer.from(checkpoint.note).toString("utf8"),
    smallestSize: checkpoint.size,
    distrustSeals,
    allowMissingIssuers,
    deep,
    tool,
  };
}
