/** A migration, from the top down: the order in which a log is moved. */

import { OperationError } from "../errors.ts";
import { freezeLine, openCheckpoint } from "../tlog/checkpoint.ts";
import { attempt } from "../tlog/errors.ts";
import { keptNote } from "../tlog/kept-note.ts";
import { CHECKPOINT_PATH } from "../tlog/layout.ts";
import { equalBytes, formatHash } from "../tlog/merkle.ts";
import { parseNote } from "../tlog/note.ts";
import { formatCount } from "../tlog/quantities.ts";
import { checkMigration } from "./check-options.ts";
import { beginRound, copyTree, type Round } from "./copy-tree.ts";
import { listNotCopied } from "./not-copied.ts";
import type { MigrationOptions } from "./options.ts";
import type { BackendModules } from "./ports/backend.ts";
import { MAX_OBJECT_BYTES, type TreeHead } from "./ports/source.ts";
import { beyondTree, openTree } from "./read/authentic.ts";
import { withMinIndex } from "./read/min-index.ts";
import { readTrustedCheckpoint, type TrustedCheckpoint } from "./read/trusted-checkpoint.ts";
import { type MigrationOutcome, type MigrationReport, migrationReport, type Pruned } from "./report.ts";
import { type CopySession, checkpointContext, openCopySession } from "./session.ts";
import { Absences } from "./target/absences.ts";
import { type Claim, claimTarget, grownBeyondHandover } from "./target/claim.ts";
import { formatRecord, replaceMarker, type StoredMarker, treeStateFor } from "./target/marker.ts";
import { otherLog, readSourceCheckpoint } from "./target/source-checkpoint.ts";
import { pause } from "./throttle/pause.ts";

/** How far apart two equal checkpoints must be read before the handover. */
const DEFAULT_SETTLE_MS = 5_000;

/** Rounds in which a source may grow, and times that it may sign the same tree again, before its writer counts as alive. */
const MAX_ROUNDS = 4;

/**
 * Moves a log. Resolves when the target is handed over, or is as far as the options say.
 * @param modules of the backends, by which each thread opens source and target.
 * @throws LogError of the kind that the command's exit code follows from, or the signal's reason.
 */
export async function migrate(options: MigrationOptions, modules: BackendModules): Promise<MigrationReport> {
  checkMigration(options);
  const opened = await openCopySession(options, modules);
  try {
    const firstContact = { ...checkpointContext(opened), firstContact: true };
    const checkpoint = await readTrustedCheckpoint(firstContact, options.policy);
    const session = await withMinIndex(opened, checkpoint.size, options.minIndex);
    session.progress.origin = checkpoint.origin;
    let first: Round | undefined;
    const prove = async (resume: boolean): Promise<void> => {
      first = await beginRound(session, checkpoint, { resume, isNew: true });
    };
    const claim = await claimTarget(session, checkpoint, prove).catch(async (error) => {
      await first?.workers.close();
      throw error;
    });
    if (claim.kind === "handed-over") {
      const { missingIssuers } = claim.record;
      if (missingIssuers > 0)
        options.notice?.(
          `${formatCount(missingIssuers)} issuers were missing when this log was handed over, as was allowed`,
          "warning",
        );
      const outcome = claim.grown ? "taken-over" : "already-handed-over";
      return await finish(session, claim.checkpoint, outcome, claim.record);
    }
    try {
      return await fillAndHandOver(session, claim, first);
    } finally {
      await claim.release();
    }
  } finally {
    await opened.close();
  }
}

/**
 * Rounds of copying until the target has all that the source has; then the handover, where it is asked for. A resume
 * whose source has grown aims at the grown log at once: the source may not serve the old right edge any more.
 * @param first the first round, where it was begun before a new claim.
 */
async function fillAndHandOver(
  session: CopySession,
  claim: Claim,
  first: Round | undefined,
): Promise<MigrationReport> {
  const { options } = session;
  let { aim, marker } = claim;
  let absences = new Absences();
  let now: SeenCheckpoint = { ...claim.checkpoint, seenAt: performance.now() };
  for (let round = 1; ; round++) {
    // A handover that has begun is of its own size.
    if (now.size > aim.size && !claim.handingOver) {
      if (round === 1) await requireGrownFrom(session, aim, now);
      else options.notice?.(`The source has grown to ${formatCount(now.size)} entries: copying the new ones`);
      aim = now;
      // Pinned in the marker, so that a resume finishes this one.
      const checkpoint = keptNote(aim.note, options.policy);
      marker = await replaceMarker(session.target, marker, { checkpoint });
    }
    const begun = round === 1 ? first : undefined;
    const current = begun ?? (await beginRound(session, aim, { resume: round > 1 || claim.resume }));
    absences = await copyTree(session, current, marker.minIndex);
    now = await settledCheckpoint(session, aim, now);
    if (claim.handingOver && now.size > aim.size) throw grownBeyondHandover(session.target, aim, now);
    if (now.size === aim.size || options.snapshot === true) break;
    if (round < MAX_ROUNDS) continue;
    if (options.handOver === true) throw writerAlive(session, "the source still grows", aim, now);
    options.notice?.(
      `The source has grown to ${formatCount(now.size)} entries meanwhile: the next run copies the new ones`,
    );
    break;
  }
  const { minIndex, entries: absentEntries, hasGaps } = absences;
  if (hasGaps) options.notice?.(GAPS, "warning");
  // Just what is missing: all else is known to be in place, and is asked for by `verify`.
  if (minIndex !== marker.minIndex) marker = await replaceMarker(session.target, marker, { minIndex });
  const pruned = { minIndex, absentEntries };
  if (options.handOver !== true) return await finish(session, aim, "ready-for-handover", pruned);
  await handOver(session, aim, marker, pruned);
  return await finish(session, aim, "handed-over", pruned);
}

const GAPS =
  "Bundles below the minimum index are missing after some that exist, and pruning cuts off the beginning of a log: if the " +
  "source was only busy or denied access for a while, the same command copies them";

/** A checkpoint, and since when this run has seen no other, as `performance.now()` has it. */
type SeenCheckpoint = TrustedCheckpoint & { readonly seenAt: number };

/**
 * The source's checkpoint after a round, of the same log. Before a handover it is either of a grown log, or signed
 * alike as one that was read the settle time ago: a writer that signs the same tree again is alive. A log that says that
 * it is frozen is believed.
 */
async function settledCheckpoint(
  session: CopySession,
  aim: TrustedCheckpoint,
  before: SeenCheckpoint,
): Promise<SeenCheckpoint> {
  const { options, context } = session;
  const { handOver = false, snapshot = false, settleMs = DEFAULT_SETTLE_MS } = options;
  let seen = before;
  for (let signed = 0; ; ) {
    const now = await readSourceCheckpoint(session, aim);
    if (now.size > aim.size) await requireGrownFrom(session, aim, now);
    const isSame = ownText(now) === ownText(seen);
    if (!isSame) seen = { ...now, seenAt: performance.now() };
    if (now.size > aim.size || !handOver || snapshot || freezeLine(now) !== undefined) return seen;
    const waitMs = seen.seenAt + settleMs - performance.now();
    if (isSame && waitMs <= 0) return seen;
    if (!isSame && ++signed > MAX_ROUNDS) {
      throw writerAlive(session, "the source signs the same tree again and again", aim, now);
    }
    session.progress.phase = "waiting for the source to stay the same";
    await pause(Math.max(0, waitMs), context.signal);
  }
}

/**
 * What the log itself has signed, and its signatures: replicas, or those that gather them, may add signatures of witnesses at any
 * time and in any order.
 */
function ownText(checkpoint: TrustedCheckpoint): string {
  const { text, signatures } = parseNote(checkpoint.note);
  const names = new Set([checkpoint.origin, ...checkpoint.own.map(({ verifier }) => verifier.name)]);
  const own = signatures.filter(({ name }) => names.has(name));
  return [text, ...own.map(({ signature }) => Buffer.from(signature).toString("base64")).sort()].join("\n");
}

function writerAlive(
  { context }: CopySession,
  problem: string,
  aim: TreeHead,
  now: TreeHead,
): OperationError {
  return new OperationError({
    object: context.source.location,
    problem: `${problem}: its writer is alive, so the log cannot be handed over`,
    expected: `size ${formatCount(aim.size)}, which is copied and checked, and no new checkpoint`,
    found: `a new checkpoint of size ${formatCount(now.size)}`,
    advice:
      "Stop its writer for good and run the same command again; for a mirror, which no log software takes over, pass --snapshot",
  });
}

/** A grown log must still begin with the tree that was copied: its root is derived from the new tree's tiles. */
async function requireGrownFrom(
  session: CopySession,
  old: TrustedCheckpoint,
  now: TrustedCheckpoint,
): Promise<void> {
  const tree = await openTree(session.context, now);
  const derived = await tree.rootOfPrefix(old.size);
  if (equalBytes(derived, old.rootHash)) return;
  const problem = `the log forked: its tree of size ${formatCount(now.size)} does not begin with the one of size ${formatCount(old.size)}`;
  throw otherLog(session.context.source.location, problem, formatHash(old.rootHash), formatHash(derived));
}

/** The last act: from here on the target belongs to the log software. */
async function handOver(
  session: CopySession,
  aim: TrustedCheckpoint,
  marker: StoredMarker,
  pruned: Pruned,
): Promise<void> {
  const { options, progress, target } = session;
  progress.phase = "handing over";
  const record = formatRecord({
    origin: aim.origin,
    source: session.context.source.location,
    format: options.format,
    size: aim.size,
    rootHash: formatHash(aim.rootHash),
    finishedAt: new Date().toISOString(),
    missingIssuers: session.issuers?.missing().length ?? 0,
    ...pruned,
    tool: options.tool,
    marker: marker.text,
  });
  await target.handOver(marker.text, treeStateFor(aim, marker), record);
}

async function finish(
  session: CopySession,
  aim: TrustedCheckpoint,
  outcome: MigrationOutcome,
  pruned: Pruned,
): Promise<MigrationReport> {
  const { options, progress, target } = session;
  if (options.saveCheckpoint === true && outcome === "taken-over") {
    options.notice?.(
      "The source's checkpoint is not stored: the log software there has gone beyond it",
      "warning",
    );
  } else if (options.saveCheckpoint === true && outcome !== "ready-for-handover") {
    const stored = await target.publishCheckpoint(aim.note);
    if (!stored && !(await isPublished(session, aim)))
      options.notice?.(`${target.locate("checkpoint")} is there already and was left as it is`, "warning");
  }
  progress.phase = "done";
  const warnings = outcome === "ready-for-handover" ? [] : await target.warnings();
  const beyond = await beyondTree(session.context.source, aim.size);
  const hasRead = outcome === "handed-over" || outcome === "ready-for-handover";
  const notCopied = hasRead ? await listNotCopied(session, aim.size) : undefined;
  return migrationReport(session, aim, outcome, pruned, [...beyond, ...warnings], notCopied);
}

/** Whether the checkpoint in the target is this one, whatever the order of its signatures, and whoever has added some. */
async function isPublished({ options, writer }: CopySession, { note }: TrustedCheckpoint): Promise<boolean> {
  const stored = await writer().read(CHECKPOINT_PATH, MAX_OBJECT_BYTES);
  const opened = stored && attempt(() => openCheckpoint(stored, options.policy) && parseNote(stored));
  return opened?.text === parseNote(note).text;
}
