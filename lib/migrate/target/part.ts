/** What a claim must be for a part of its copy to join it: of several machines, none may change what the others go by. */

import type { TreeHead } from "../ports/source.ts";
import type { CopySession } from "../session.ts";
import type { StoredMarker } from "./marker.ts";
import { refused } from "./refusals.ts";
import { countSeals } from "./seals.ts";

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
  { target, guarantees, context, issuerLists }: CopySession,
  { marker, handingOver, aim }: JoinedClaim,
): Promise<void> {
  const [expected, found] = [{ ...guarantees, minIndex: context.minIndex ?? 0 }, marker].map(optionsOf);
  const alone = "run the copy once without --shard";
  if (handingOver) {
    throw refused(target, {
      problem: "is being handed over: there is no part to copy",
      advice: `To complete that, ${alone}`,
    });
  }
  if (found !== expected) {
    throw refused(target, {
      problem: "is being copied with other options",
      expected,
      found,
      advice: `Pass all parts the same options; to change those of the claim, ${alone}`,
    });
  }
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

/** The options that a claim says its copy has. */
function optionsOf({
  allowMissingIssuers,
  deep,
  minIndex,
}: Pick<StoredMarker, "allowMissingIssuers" | "deep" | "minIndex">): string {
  const given = [
    allowMissingIssuers && "--allow-missing-issuers",
    deep && "--deep",
    minIndex > 0 && `--min-index ${minIndex}`,
  ];
  return (
    given.filter((each) => each !== false).join(" ") || "none of --allow-missing-issuers, --deep, --min-index"
  );
}
