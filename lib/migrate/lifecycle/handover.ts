/** The end of a migration: the handover, and the report. */

import { openCheckpoint } from "../../tlog/checkpoint.ts";
import { attempt } from "../../tlog/errors.ts";
import { CHECKPOINT_PATH } from "../../tlog/layout.ts";
import { formatHash } from "../../tlog/merkle.ts";
import { parseNote } from "../../tlog/note.ts";
import { isOnlyRead } from "../options/options.ts";
import { MAX_OBJECT_BYTES } from "../ports/source.ts";
import { beyondTree } from "../read/authentic.ts";
import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import { listNotCopied } from "../report/not-copied.ts";
import {
  isUnfinished,
  type MigrationOutcome,
  type MigrationReport,
  migrationReport,
  type Pruned,
  type StoredState,
} from "../report/report.ts";
import type { CopySession } from "../session.ts";
import { formatRecord, type MigrationRecord, type StoredMarker, treeStateFor } from "../target/marker.ts";
import { readSourceCheckpoint } from "../target/source-checkpoint.ts";
import { readableTreeState } from "../target/tree-state.ts";
import { writerAlive } from "./settle.ts";

/** The last step: from here on the target belongs to the log software. */
export async function handOver(
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
    isMirror: isOnlyRead(options),
    tool: options.tool,
    marker: marker.text,
  });
  await target.handOver(marker.text, treeStateFor(aim, marker), record, await lastNote(session, aim));
}

/**
 * What the source has signed last of the tree that is handed over, for log software that goes on from that.
 * @throws OperationError if it has signed a larger one.
 */
async function lastNote(session: CopySession, aim: TrustedCheckpoint): Promise<Uint8Array> {
  if (session.target.handsOverCheckpoint !== true) return aim.note;
  const now = await readSourceCheckpoint(session, aim);
  if (now.size === aim.size) return now.note;
  if (session.options.snapshot === true) return aim.note;
  throw writerAlive(session, "the source still grows", aim, now);
}

/**
 * The report of a run that has ended, and the source's checkpoint in the target where that was asked for.
 * @param record of the earlier run that has handed the target over.
 */
export async function finish(
  session: CopySession,
  aim: TrustedCheckpoint,
  outcome: MigrationOutcome,
  pruned: Pruned,
  record?: MigrationRecord,
): Promise<MigrationReport> {
  const { options, progress, target } = session;
  let hasStored = false;
  if (options.saveCheckpoint === true && outcome === "taken-over") {
    options.notice?.(
      "The source's checkpoint is not stored: the log software of the target has already published a larger one",
      "warning",
    );
  } else if (options.saveCheckpoint === true && !isUnfinished(outcome)) {
    hasStored = await target.publishCheckpoint(aim.note);
    if (!hasStored && !(await isPublished(session, aim)))
      options.notice?.(`${target.locate("checkpoint")} exists already and was not changed`, "warning");
  }
  progress.phase = "done";
  progress.isHandedOver = outcome !== "ready-for-handover";
  const wasMirror = record === undefined ? isOnlyRead(options) : record.isMirror;
  const isHandedOver = !isUnfinished(outcome);
  hasStored ||= outcome === "handed-over" && target.handsOverCheckpoint === true;
  const stored = isHandedOver ? await storedState(session, wasMirror, hasStored) : undefined;
  const warnings = stored ? await target.warnings(stored.purpose !== "mirror") : [];
  const beyond = await beyondTree(session.context.source, aim.size);
  const hasRead = outcome === "handed-over" || outcome === "ready-for-handover";
  const notCopied = hasRead ? await listNotCopied(session, aim.size) : undefined;
  return migrationReport(session, aim, outcome, pruned, [...beyond, ...warnings], notCopied, stored);
}

/** @param wasMirror what the handover says of it; undefined where an early version did not say it. */
async function storedState(
  { target, writer }: CopySession,
  wasMirror: boolean | undefined,
  hasStored: boolean,
): Promise<StoredState> {
  const canAppend = (await readableTreeState(target)) !== undefined;
  const isFound = async () => (await writer().read(CHECKPOINT_PATH, MAX_OBJECT_BYTES)) !== undefined;
  return {
    purpose: !canAppend || wasMirror === true ? "mirror" : wasMirror === false ? "log" : "unknown",
    checkpoint: hasStored ? "stored" : (await isFound()) ? "found" : "none",
  };
}

/** Whether the checkpoint in the target is this one, with its signatures in any order and possibly more of them. */
async function isPublished({ options, writer }: CopySession, { note }: TrustedCheckpoint): Promise<boolean> {
  const stored = await writer().read(CHECKPOINT_PATH, MAX_OBJECT_BYTES);
  const opened = stored && attempt(() => openCheckpoint(stored, options.policy) && parseNote(stored));
  return opened?.text === parseNote(note).text;
}
