/** The end of a migration: the handover, and the report. */

import { openCheckpoint } from "../tlog/checkpoint.ts";
import { attempt } from "../tlog/errors.ts";
import { CHECKPOINT_PATH } from "../tlog/layout.ts";
import { formatHash } from "../tlog/merkle.ts";
import { parseNote } from "../tlog/note.ts";
import { listNotCopied } from "./not-copied.ts";
import { MAX_OBJECT_BYTES } from "./ports/source.ts";
import { beyondTree } from "./read/authentic.ts";
import type { TrustedCheckpoint } from "./read/trusted-checkpoint.ts";
import { type MigrationOutcome, type MigrationReport, migrationReport, type Pruned } from "./report.ts";
import type { CopySession } from "./session.ts";
import { formatRecord, type StoredMarker, treeStateFor } from "./target/marker.ts";

/** The last act: from here on the target belongs to the log software. */
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
    tool: options.tool,
    marker: marker.text,
  });
  await target.handOver(marker.text, treeStateFor(aim, marker), record);
}

/** The report of a run that has ended, and the source's checkpoint in the target where that was asked for. */
export async function finish(
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
