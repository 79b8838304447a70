/** Mirrors whose checkpoints are published while they grow: how an earlier run has left them, and what is none. */

import { openCheckpoint, policyOfSigners } from "../../tlog/checkpoint.ts";
import { attempt } from "../../tlog/errors.ts";
import { CHECKPOINT_PATH } from "../../tlog/layout.ts";
import { parseNote } from "../../tlog/note.ts";
import { formatCount } from "../../tlog/quantities.ts";
import { MAX_OBJECT_BYTES } from "../ports/source.ts";
import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { CopySession } from "../session.ts";
import type { StoredMarker } from "./marker.ts";
import { refused } from "./refusals.ts";
import { guaranteeTooLittle, type SealsWanted } from "./seals.ts";

/** Why a copy that was handed over does not become a mirror. */
export const HANDED_OVER = {
  problem: "was handed over: it is not a mirror that follows its source",
  advice: "Choose an empty target, or take the handover back with `tlog-migrate abandon`",
};

/** Why a mirror is no copy to go on with. */
export const IS_MIRROR = {
  problem:
    "is a mirror that `tlog-migrate follow --mirror` keeps: its checkpoints are published while it grows",
  advice:
    "Continue it with --mirror, or choose another target; `tlog-migrate abandon` takes its checkpoint away and makes an " +
    "unfinished copy of it, which can be continued and handed over",
};

/**
 * The checkpoint that an earlier run has published; that it is of the same tree is checked before it is replaced.
 * @throws TargetRefusedError if none can have.
 */
export async function publishedCheckpoint(
  { target, writer, options: { policy } }: CopySession,
  pinned: TrustedCheckpoint,
): Promise<TrustedCheckpoint | undefined> {
  const note = await writer().read(CHECKPOINT_PATH, MAX_OBJECT_BYTES);
  if (note === undefined) return undefined;
  const published = attempt(() => {
    const { signatures } = parseNote(note);
    return { ...openCheckpoint(note, policyOfSigners(policy, signatures)), note };
  });
  const isOfLog = published !== undefined && published.origin === pinned.origin;
  if (isOfLog && published.size <= pinned.size) return published;
  throw refused(target, {
    problem: "has a checkpoint that this mirror has not published",
    expected: `one of the log, of size ${formatCount(pinned.size)} or less`,
    found: isOfLog ? `size ${formatCount(published.size)}` : "one that does not verify",
    advice: "Find out who else writes here and move it away, then run the same command again",
  });
}

/** What readers of a mirror see stays. @throws TargetRefusedError if its seals would have to be removed. */
export async function requireSealsCount(
  { target, issuerLists }: CopySession,
  marker: StoredMarker,
  wanted: SealsWanted,
): Promise<void> {
  if (!(await guaranteeTooLittle(issuerLists, marker, wanted))) return;
  throw refused(target, {
    problem:
      "is a published mirror whose seals guarantee less than this run asks for, so that they would have to be removed",
    advice:
      "Run it with the same --deep and --allow-missing-issuers as before; or take its checkpoint away with " +
      "`tlog-migrate abandon`, and run this command again",
  });
}
