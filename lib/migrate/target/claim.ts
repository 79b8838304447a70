/**
 * Promise 4: an unfinished target cannot be mistaken for a log. The claim is written first, and contains the checkpoint
 * to copy up to, so that the next run continues with the same one.
 */

import { TargetRefusedError } from "../../errors.ts";
import { logIdOf, parseCheckpointText, policyOfSigners } from "../../tlog/checkpoint.ts";
import { keptNote } from "../../tlog/kept-note.ts";
import { CHECKPOINT_PATH } from "../../tlog/layout.ts";
import { equalBytes } from "../../tlog/merkle.ts";
import { parseNote } from "../../tlog/note.ts";
import { cleanUp } from "../clean-up.ts";
import { REQUEST_PATH } from "../cutover/request.ts";
import { isOnlyRead } from "../options/options.ts";
import { MAX_OBJECT_BYTES, type TreeHead } from "../ports/source.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { openTrusted, type TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import { type CopySession, lockKindOf } from "../session.ts";
import { pause } from "../throttle/pause.ts";
import { type AlreadyDone, alreadyDone } from "./handed-over.ts";
import {
  claimAdvice,
  parseMarker,
  parseRecord,
  replaceMarker,
  type StoredMarker,
  treeStateFor,
  withText,
} from "./marker.ts";
import { HANDED_OVER, IS_MIRROR, publishedCheckpoint, requireSealsCount } from "./mirror-claim.ts";
import { NotClaimedError, requirePart } from "./part.ts";
import {
  describeHead,
  EMPTY_TARGET,
  grownBeyondHandover,
  notClaimed,
  refused,
  requireSameLog,
  unclaimed,
} from "./refusals.ts";
import { guaranteeTooLittle, trustedSeals } from "./seals.ts";
import { readSourceCheckpoint } from "./source-checkpoint.ts";
import { readableTreeState, treeStateOf } from "./tree-state.ts";

/** A target that this run may write. */
export interface Claim {
  readonly kind: "claimed";
  /** The checkpoint that this run finishes first: the marker's, if an earlier run left one. */
  readonly aim: TrustedCheckpoint;
  /** The source's checkpoint, never older than `aim`. */
  readonly checkpoint: TrustedCheckpoint;
  readonly marker: StoredMarker;
  /** Whether objects may be in place already. */
  readonly resume: boolean;
  /** The checkpoint that readers of a mirror see. */
  readonly published?: TrustedCheckpoint | undefined;
  /** Whether a handover of `aim` has begun: the tree state exists, and only that size can be finished. */
  readonly handingOver: boolean;
  /** Never rejects. */
  release(): Promise<void>;
}

/** What a copy would do in a target as it is. */
export type TargetProspect =
  /** Nothing of ours is there; with `adopts`, the tiles of another tool are. */
  { readonly kind: "new"; readonly adopts: boolean } | Omit<Claim, "release"> | AlreadyDone;

/** How often a part looks again at a target that refuses it; the waits add up to three seconds. */
const JOIN_ATTEMPTS = 5;
const JOIN_WAIT_MS = 300;

const TAKEN_BACK =
  "An earlier run ended within the handover, which was taken back: ask for it again, by `tlog-migrate cutover` or with --handover";

/**
 * Claims the target, or recognises our own claim.
 * @param checkpoint the source's.
 * @param prove called before anything is written to an unclaimed target: throws, or rejects, unless the
 * source is a log that can be copied. A claim refuses every other log, so a mistake must not lead to a claim. Its
 * parameter is whether objects may be in place already.
 * @throws TargetRefusedError if the target contains anything else, VerificationError if the source is no longer the log of the
 * claim.
 */
export async function claimTarget(
  session: CopySession,
  checkpoint: TrustedCheckpoint,
  prove: (resume: boolean) => Promise<void>,
): Promise<Claim | AlreadyDone> {
  if (lockKindOf(session.role) !== "part") return await claimOnce(session, checkpoint, prove);
  // Parts that start at once find a claim half done, or that another has made it just before.
  for (let attempt = 1; ; attempt++) {
    try {
      return await claimOnce(session, checkpoint, prove);
    } catch (error) {
      if (!(error instanceof TargetRefusedError) || attempt === JOIN_ATTEMPTS) throw error;
    }
    await pause(attempt * JOIN_WAIT_MS, session.context.signal);
  }
}

async function claimOnce(
  session: CopySession,
  checkpoint: TrustedCheckpoint,
  prove: (resume: boolean) => Promise<void>,
): Promise<Claim | AlreadyDone> {
  const found = await lookAtTarget(session, checkpoint);
  switch (found.kind) {
    case "new":
      if (session.role === "worker") throw new NotClaimedError(notClaimed(session.target));
      await prove(found.adopts);
      return await newClaim(session, checkpoint, found.adopts);
    case "claimed":
      return await locked(session, found);
    case "handed-over":
      if (found.checkpoint.size === found.record.size) await session.target.confirmHandOver();
      return found;
  }
}

/**
 * Looks at what a copy would find, and changes nothing.
 * @param checkpoint the source's.
 * @throws TargetRefusedError, VerificationError where `claimTarget` does.
 */
export async function lookAtTarget(
  session: CopySession,
  checkpoint: TrustedCheckpoint,
): Promise<TargetProspect> {
  const { target, options } = session;
  target.requireLog?.({ format: options.format, ...checkpoint, logId: logIdOf(checkpoint) });
  const contents = await target.inspect();
  switch (contents.kind) {
    case "empty":
      return { kind: "new", adopts: false };
    case "unclaimed-tiles":
      if (session.options.adopt !== true) throw await unclaimed(target, contents.example);
      // A listing refuses symbolic links: through a link, the code below would remove or write another log's objects.
      for await (const _ of target.list("tile"));
      return { kind: "new", adopts: true };
    case "claimed":
      return await ownClaim(session, checkpoint, contents.marker);
    case "handed-over":
      if (session.isMirror) throw refused(target, HANDED_OVER);
      return await alreadyDone(session, checkpoint, parseRecord(contents.record, target.recordName));
    case "occupied": {
      const problem = "is, or could be, somebody's log; nothing was changed";
      throw refused(target, { problem, found: contents.found, advice: EMPTY_TARGET });
    }
  }
}

/** @param adopts whether another tool left tiles, whose seals must not be trusted. */
async function newClaim(
  session: CopySession,
  checkpoint: TrustedCheckpoint,
  adopts: boolean,
): Promise<Claim> {
  const { target, guarantees, options, context } = session;
  const marker = withText({
    ...guarantees,
    origin: checkpoint.origin,
    source: context.source.location,
    checkpoint: keptNote(checkpoint.note, options.policy),
    smallestSize: checkpoint.size,
    distrustSeals: adopts,
    minIndex: context.minIndex ?? 0,
    tool: options.tool,
    isMirror: session.isMirror,
  });
  // Reported before days of copying, not only at the end.
  for (const warning of await target.warnings(!session.isMirror && !isOnlyRead(options))) {
    options.notice?.(warning, "warning");
  }
  await target.claim(marker.text);
  const own = { aim: checkpoint, checkpoint, marker, resume: adopts, handingOver: false };
  return await locked(session, { kind: "claimed", ...own });
}

async function ownClaim(
  session: CopySession,
  read: TrustedCheckpoint,
  text: string,
): Promise<Omit<Claim, "release">> {
  const { target, options } = session;
  const { location, markerName } = target;
  // Without its claim, a target that still has a tree state would be a log.
  const names =
    (await readableTreeState(target)) !== undefined
      ? `${markerName} and ${target.treeStateName}`
      : markerName;
  const marker = { ...parseMarker(text, location, claimAdvice(names)), text };
  requireSameLog(session, read, marker);
  if (marker.isMirror === true && !session.isMirror) throw refused(target, IS_MIRROR);
  const pinned = pinnedCheckpoint(session, marker, read);
  const checkpoint = await readSourceCheckpoint(session, pinned, read);
  const published = marker.isMirror === true ? await publishedCheckpoint(session, pinned) : undefined;
  if (marker.isMirror !== true) await requireNoCheckpoint(session);
  const handingOver = await hasBegunHandover(target, pinned);
  if (handingOver && checkpoint.size > pinned.size && options.handOver === true) {
    throw grownBeyondHandover(target, pinned, checkpoint);
  }
  // At the same size, the source's own checkpoint has all signatures, also those of keys that are new in this run.
  const aim = checkpoint.size === pinned.size ? checkpoint : pinned;
  return { kind: "claimed", aim, checkpoint, marker, resume: true, published, handingOver };
}

/**
 * The checkpoint in a marker. Keys that are new in this run, or a quorum, may not have signed it. It is accepted if it
 * equals the source's; a smaller one, signed by the keys of earlier runs, must be proven by the source's tree.
 * @throws VerificationError if no key has signed it, or a signature by one does not verify.
 */
function pinnedCheckpoint(
  { target, options: { policy } }: CopySession,
  { checkpoint }: StoredMarker,
  source: TrustedCheckpoint,
): TrustedCheckpoint {
  const note = Buffer.from(checkpoint);
  const { text, signatures } = parseNote(note);
  const { size, rootHash } = parseCheckpointText(text);
  if (size === source.size && equalBytes(rootHash, source.rootHash)) return source;
  return openTrusted(note, policyOfSigners(policy, signatures), markerIn(target));
}

/** The name of the marker in messages. */
function markerIn({ location }: MigrationTarget): string {
  return `the marker in ${location}`;
}

async function locked(session: CopySession, claim: Omit<Claim, "release">): Promise<Claim> {
  const { target, guarantees, options, role } = session;
  const lockKind = lockKindOf(role);
  if (lockKind === "part") await requirePart(session, claim);
  const wanted = { ...guarantees, size: claim.aim.size, recheck: options.recheck === true };
  // A part at work would store seals that promise less after the old ones are removed: none may be until the marker says more.
  // What issuers a part has seen is in its own list.
  const isStricter =
    lockKind === "leader" && claim.resume && (await guaranteeTooLittle(undefined, claim.marker, wanted));
  let lock = await target.lock(isStricter ? "alone" : lockKind);
  const release = () => cleanUp(options.notice, () => lock.release());
  if (lockKind === "part") return { ...claim, release };
  try {
    // A copy without a handover must not leave a handover half done.
    const { handingOver } = claim;
    const isTakenBack = handingOver && options.handOver !== true;
    if (isTakenBack) {
      await target.takeBack(claim.marker.text, treeStateFor(claim.aim, claim.marker));
      options.notice?.(TAKEN_BACK, "warning");
    }
    let { marker } = claim;
    // Before anything is stored: entries that this run skips must not seem to be sealed.
    const { minIndex = 0 } = session.context;
    if (minIndex > marker.minIndex) marker = await replaceMarker(target, marker, { minIndex });
    if (session.isMirror && marker.isMirror !== true) {
      // Nobody means it any more when the mirror is made a copy again.
      await target.remove(REQUEST_PATH);
      marker = await replaceMarker(target, marker, { isMirror: true });
    }
    if (claim.published !== undefined) await requireSealsCount(session, marker, wanted);
    if (claim.resume) marker = await trustedSeals(target, session.issuerLists, marker, wanted);
    if (isStricter) {
      await lock.release();
      lock = await target.lock(lockKind);
    }
    return { ...claim, handingOver: handingOver && !isTakenBack, marker, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** With a checkpoint the handover would be refused: this is reported now, not after the whole copy. */
async function requireNoCheckpoint({ target, writer }: CopySession): Promise<void> {
  if ((await writer().read(CHECKPOINT_PATH, MAX_OBJECT_BYTES)) === undefined) return;
  throw refused(target, {
    problem: "a checkpoint appeared while the copy was unfinished",
    found: target.locate(CHECKPOINT_PATH),
    advice: "Find out who else writes here and move it away, then run the same command again",
  });
}

/** After a crash between writing the tree state and removing the marker, this tree state exists; any other is not ours. */
async function hasBegunHandover(target: MigrationTarget, aim: TreeHead): Promise<boolean> {
  // The claim keeps log software away, so something else wrote it.
  const advice = `Find out what wrote it and move ${target.treeStateName} away, then run the same command again`;
  const tree = await treeStateOf(target, TargetRefusedError, advice);
  if (tree === undefined) return false;
  if (tree.size === aim.size && equalBytes(tree.rootHash, aim.rootHash)) return true;
  throw refused(target, {
    problem: "contains a tree state that this migration did not write",
    expected: describeHead(aim),
    found: describeHead(tree),
    advice,
  });
}
