/**
 * What a seal guarantees besides leaf hashes. Runs of a Static CT copy may be stricter or laxer; a seal must never be
 * taken for a stricter one than its run enforced.
 */

import { TargetRefusedError } from "../../errors.ts";
import { readIssuerList } from "../issuers/registry.ts";
import type { MigrationTarget, TargetWriter } from "../ports/target.ts";
import { parseMarker, replaceMarker, type SealGuarantees, type StoredMarker } from "./marker.ts";

/**
 * Removes the seals of a target if another tool wrote them, or a laxer run, and updates the marker. The marker
 * distrusts seals until all are removed: after a crash in between they are removed again.
 */
export async function trustedSeals(
  target: MigrationTarget,
  writer: TargetWriter,
  marker: StoredMarker,
  { allowMissingIssuers, deep, format }: SealGuarantees,
): Promise<StoredMarker> {
  const guaranteeTooLittle =
    marker.distrustSeals ||
    (marker.allowMissingIssuers && !allowMissingIssuers) ||
    (deep && !marker.deep) ||
    // Without the list it is unknown which issuers the target must have.
    (format === "static-ct" && (await readIssuerList(writer)) === undefined);
  if (guaranteeTooLittle) {
    for await (const { path } of target.list("tile/1")) await target.remove(path);
  } else if (marker.allowMissingIssuers === allowMissingIssuers && marker.deep === deep) return marker;
  return await replaceMarker(target, marker, { distrustSeals: false, allowMissingIssuers, deep });
}

/**
 * Called before a seal is written: the marker must still have this run's guarantees. A copy that was suspended while
 * a stricter one started would write laxer seals than that one's.
 * @throws TargetRefusedError
 */
export async function requireSameGuarantees(
  target: MigrationTarget,
  { allowMissingIssuers, deep }: SealGuarantees,
): Promise<void> {
  const contents = await target.inspect();
  if (contents.kind === "claimed") {
    const marker = parseMarker(contents.marker, target.location);
    if (marker.allowMissingIssuers === allowMissingIssuers && marker.deep === deep) return;
  }
  throw new TargetRefusedError({
    object: target.location,
    problem: "is being filled by another copy with other options",
    advice: "Wait until that one ends, then run this command again",
  });
}
