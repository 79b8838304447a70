/** What a claim must be for a part of its copy to join it: of several machines, none may change what the others go by. */

import { OperationError } from "../../errors.ts";
import type { TreeHead } from "../ports/source.ts";
import type { CopySession } from "../session.ts";
import type { StoredMarker } from "./marker.ts";
import { readQueueId } from "./queue-id.ts";
import { refused } from "./refusals.ts";
import { countSeals } from "./seals.ts";

/** There is no claim that a worker could join. */
export class NotClaimedError extends OperationError {}

/** There is one, and no work to do. */
export class NoWorkError extends NotClaimedError {}

/** A claim that another run may have made. */
export interface JoinedClaim {
  readonly marker: StoredMarker;
  readonly aim: TreeHead;
  /** Whether a handover has begun. */
  readonly handingOver: boolean;
}

/**
 * What one part changes of a claim, or of the seals, the others must be right to have gone by: so no part does.
 * @throws TargetRefusedError if it would have to.
 */
export async function requirePart(
  session: CopySession,
  { marker, handingOver, aim }: JoinedClaim,
): Promise<void> {
  const { target, guarantees, context, issuerLists, isMirror, role } = session;
  const own = { ...guarantees, minIndex: context.minIndex ?? 0, isMirror };
  const [expected, found] = [own, marker].map(optionsOf);
  const alone =
    role === "worker" ? "run the copy that divides the work" : "run the copy once without --shard";
  if (handingOver) {
    const problem = "is being handed over: there is no part to copy";
    const advice = `To complete that, ${alone}`;
    // A worker has nothing to do until that is done, or taken back.
    if (role === "worker") throw new NoWorkError({ object: target.location, problem, advice });
    throw refused(target, { problem, advice });
  }
  if (found !== expected) {
    throw refused(target, {
      problem: "is being copied with other options",
      expected,
      found,
      advice: `Pass all parts the same options; to change those of the claim, ${alone}`,
    });
  }
  // Before it takes the lock: those that wait would be in the way of a copy that no part may share.
  if (role === "worker" && (await readQueueId(session)) === undefined) throw noWork(session);
  const isWithoutLists =
    issuerLists !== undefined &&
    (await countSeals(target, aim.size, marker.minIndex)) > 0 &&
    (await issuerLists.read(aim.size)) === undefined;
  if (!marker.distrustSeals && !isWithoutLists) return;
  throw refused(target, {
    problem: "has seals that must not be trusted, and that no part may remove",
    advice: `First ${alone}`,
  });
}

/** Of a claim by a copy that does not divide its work. */
export function noWork({ target }: CopySession): NoWorkError {
  const advice =
    "Start the copy that divides the work: tlog-migrate copy with the same --queue, source and target";
  const problem = "is claimed, and its copy has no work to give out";
  return new NoWorkError({ object: target.location, problem, advice });
}

/** The options that a claim says its copy has. */
function optionsOf({
  allowMissingIssuers,
  deep,
  minIndex,
  isMirror,
}: Pick<StoredMarker, "allowMissingIssuers" | "deep" | "minIndex" | "isMirror">): string {
  const given = [
    allowMissingIssuers && "--allow-missing-issuers",
    deep && "--deep",
    minIndex > 0 && `--min-index ${minIndex}`,
    isMirror === true && "--mirror",
  ];
  return (
    given.filter((each) => each !== false).join(" ") || "none of --allow-missing-issuers, --deep, --min-index"
  );
}
