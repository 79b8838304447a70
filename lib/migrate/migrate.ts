/** A migration, from the top down: the order in which a log is moved. */

import { setTimeout as sleep } from "node:timers/promises";
import { OperationError } from "../errors.ts";
import { keptNote } from "../tlog/kept-note.ts";
import { FULL_WIDTH } from "../tlog/layout.ts";
import { equalBytes, formatHash } from "../tlog/merkle.ts";
import { copyTree } from "./copy-tree.ts";
import type { MigrationOptions } from "./options.ts";
import type { BackendModules } from "./ports/backend.ts";
import { openTree, readTrustedCheckpoint, type TrustedCheckpoint } from "./read/authentic.ts";
import { type MigrationOutcome, type MigrationReport, migrationReport } from "./report.ts";
import { type CopySession, checkpointContext, openCopySession } from "./session.ts";
import { type Claim, claimTarget } from "./target/claim.ts";
import { formatRecord, replaceMarker, type StoredMarker } from "./target/marker.ts";
import { otherLog, readSourceCheckpoint } from "./target/source-checkpoint.ts";

/** How long a source that was seen to grow must stay unchanged before the handover. */
const DEFAULT_SETTLE_MS = 5_000;

/** Rounds in which a source may grow before the migration asks for its writer to be frozen. */
const MAX_ROUNDS = 4;

/**
 * Moves a log. Resolves when the target is handed over, or is as far as the options say.
 * @param modules of the backends, by which each thread opens source and target.
 * @throws LogError of the kind that the command's exit code follows from, or the signal's reason.
 */
export async function migrate(options: MigrationOptions, modules: BackendModules): Promise<MigrationReport> {
  const session = await openCopySession(options, modules);
  try {
    const firstContact = { ...checkpointContext(session), firstContact: true };
    const claim = await claimTarget(session, await readTrustedCheckpoint(firstContact, options.policy));
    if (claim.kind === "handed-over") {
      const { missingIssuers } = claim.record;
      if (missingIssuers > 0)
        options.notice?.(
          `${missingIssuers} issuers were missing when this log was handed over, as was allowed`,
        );
      return await finish(session, claim.checkpoint, claim.grown ? "taken-over" : "already-handed-over");
    }
    try {
      return await fillAndHandOver(session, claim);
    } finally {
      await claim.release();
    }
  } finally {
    await session.close();
  }
}

/**
 * Rounds of copying until the target has all that the source has; then the handover. A resume whose source has grown
 * aims at the grown log at once: the source may not serve the old right edge any more.
 */
async function fillAndHandOver(session: CopySession, claim: Claim): Promise<MigrationReport> {
  const { options } = session;
  let { aim, marker } = claim;
  // A handover that has begun is completed at its own size, however the source has grown.
  let now = claim.handingOver ? aim : claim.checkpoint;
  if (now.size > aim.size) await requireGrownFrom(session, aim, now);
  for (let round = 1; ; round++) {
    if (now.size > aim.size) {
      options.notice?.(`The source has grown to ${now.size} entries: copying the new ones`);
      aim = now;
      // Pinned in the marker, so that a resume finishes this one.
      const checkpoint = keptNote(aim.note, options.policy);
      marker = await replaceMarker(session.target, marker, { checkpoint });
    }
    await copyTree(session, aim, round > 1 || claim.resume);
    if (claim.handingOver) break;
    now = await readSourceAgain(session, aim, round);
    if (now.size === aim.size || options.snapshot === true) break;
    if (round < MAX_ROUNDS) continue;
    throw new OperationError({
      object: session.context.source.location,
      problem: "the source still grows, so the log cannot be handed over yet",
      expected: `size ${aim.size}, which is copied and checked`,
      found: `size ${now.size}`,
      advice:
        "Freeze its writer and run the same command again, or pass --snapshot to hand over the size that was reached",
    });
  }
  if (options.handOver === false) return await finish(session, aim, "ready-for-hand-over");
  await handOver(session, aim, marker);
  return await finish(session, aim, "handed-over");
}

/** The source's checkpoint after a round, of the same log. One that was seen to grow is given time to stop. */
async function readSourceAgain(
  session: CopySession,
  aim: TrustedCheckpoint,
  round: number,
): Promise<TrustedCheckpoint> {
  const { options, context } = session;
  if (round > 1) {
    await sleep(options.settleMs ?? DEFAULT_SETTLE_MS, undefined, { signal: context.signal });
  }
  const now = await readSourceCheckpoint(session, aim);
  if (now.size > aim.size) await requireGrownFrom(session, aim, now);
  return now;
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
  const problem = `the log forked: its tree of size ${now.size} does not begin with the one of size ${old.size}`;
  throw otherLog(session.context.source.location, problem, formatHash(old.rootHash), formatHash(derived));
}

/** The last act: from here on the target belongs to the log software. */
async function handOver(session: CopySession, aim: TrustedCheckpoint, marker: StoredMarker): Promise<void> {
  const { options, progress, target } = session;
  progress.phase = "handing over";
  const collectFrom = Math.floor(marker.smallestSize / FULL_WIDTH) * FULL_WIDTH;
  const record = formatRecord({
    origin: aim.origin,
    source: session.context.source.location,
    format: options.format,
    size: aim.size,
    rootHash: formatHash(aim.rootHash),
    finishedAt: new Date().toISOString(),
    missingIssuers: session.issuers?.missing().length ?? 0,
    tool: options.tool,
  });
  await target.handOver(marker.text, { size: aim.size, rootHash: aim.rootHash, collectFrom }, record);
}

async function finish(
  session: CopySession,
  aim: TrustedCheckpoint,
  outcome: MigrationOutcome,
): Promise<MigrationReport> {
  const { options, progress, target } = session;
  if (options.saveCheckpoint === true && outcome === "taken-over") {
    options.notice?.("The source's checkpoint is not stored: the log software there has gone beyond it");
  } else if (options.saveCheckpoint === true && outcome !== "ready-for-hand-over") {
    const stored = await target.publishCheckpoint(aim.note);
    if (!stored) options.notice?.(`${target.locate("checkpoint")} is there already and was left as it is`);
  }
  progress.phase = "done";
  return migrationReport(session, aim, outcome, await target.warnings());
}
