/** How every copy begins: the source's checkpoint is read and verified, and the target is claimed. */

import { UsageError } from "../../errors.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { MigrationOptions } from "../options/options.ts";
import type { BackendModules } from "../ports/backend.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { withMinIndex } from "../read/min-index.ts";
import { readTrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { MigrationReport } from "../report/report.ts";
import { type CopyKind, type CopySession, checkpointContext, openCopySession } from "../session.ts";
import { type Claim, claimTarget } from "../target/claim.ts";
import type { AlreadyDone } from "../target/handed-over.ts";
import { NotClaimedError } from "../target/part.ts";
import { beginRound, type Round } from "./copy-tree.ts";
import { finish } from "./handover.ts";
import { Rounds } from "./rounds.ts";

/**
 * Claims a target, works on it, and gives it back.
 * @param work is not called where an earlier run has handed the target over.
 * @param kind of copy; default: one that works alone, and publishes nothing.
 * @throws UsageError if the target cannot be a mirror.
 */
export async function onClaimedTarget(
  options: MigrationOptions,
  modules: BackendModules,
  work: (session: CopySession, claim: Claim, rounds: Rounds) => Promise<MigrationReport>,
  kind: CopyKind = {},
): Promise<MigrationReport> {
  const opened = await openCopySession(options, modules, kind);
  try {
    if (opened.isMirror) requireMirrorable(opened.target);
    const { session, claim, first } = await claimed(opened, kind.waitForClaim);
    if (claim.kind === "handed-over") {
      const { missingIssuers } = claim.record;
      if (missingIssuers > 0)
        options.notice?.(
          `${formatCount(missingIssuers)} issuers were missing when this log was handed over, as --allow-missing-issuers allows`,
          "warning",
        );
      const outcome = claim.grown ? "taken-over" : "already-handed-over";
      return await finish(session, claim.checkpoint, outcome, claim.record, claim.record);
    }
    const rounds = new Rounds(session, claim, first);
    try {
      return await work(session, claim, rounds);
    } finally {
      // What a thread still writes belongs to the claim.
      await rounds.close();
      await claim.release();
    }
  } finally {
    await opened.close();
  }
}

/** @param wait called while there is no claim for a worker to join. */
async function claimed(
  opened: CopySession,
  wait: CopyKind["waitForClaim"],
): Promise<{ session: CopySession; claim: Claim | AlreadyDone; first: Round | undefined }> {
  const { options } = opened;
  const firstContact = { ...checkpointContext(opened), firstContact: true };
  for (;;) {
    const checkpoint = await readTrustedCheckpoint(firstContact, options.policy);
    const session = await withMinIndex(opened, checkpoint.size, options.minIndex);
    session.progress.origin = checkpoint.origin;
    let first: Round | undefined;
    const prove = async (resume: boolean): Promise<void> => {
      first = await beginRound(session, checkpoint, { resume, isNew: true });
    };
    try {
      return { session, claim: await claimTarget(session, checkpoint, prove), first };
    } catch (error) {
      if (!(error instanceof NotClaimedError) || wait === undefined) throw error;
      await wait(session, checkpoint.size, error);
    }
  }
}

function requireMirrorable({ location, replaceCheckpoint }: MigrationTarget): void {
  if (replaceCheckpoint !== undefined) return;
  throw new UsageError({
    object: location,
    problem:
      "cannot be a mirror that grows: what keeps log software away from it is in the place of its checkpoint",
    advice: "Mirror the log into a directory or a bucket",
  });
}
