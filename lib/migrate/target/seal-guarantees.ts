/**
 * What a seal guarantees besides leaf hashes. Runs of a Static CT copy may be stricter or laxer; a seal must never be
 * taken for a stricter one than its run enforced.
 */

import { TargetRefusedError } from "../../errors.ts";
import type { LogFormat } from "../../tlog/layout.ts";
import { readIssuerList } from "../issuers/manifest.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { parseMarker, replaceMarker, type StoredMarker } from "./marker.ts";

/** What a run enforces below its seals. */
export interface SealGuarantees {
  readonly format: LogFormat;
  /** Static CT only: entries may name issuers that are missing. */
  readonly allowMissingIssuers: boolean;
  /** Static CT only: the extra data of every entry was checked. */
  readonly deep: boolean;
}

/** Removes the seals of a target if they guarantee less than this run enforces, and updates the marker. */
export async function trustedSeals(
  target: MigrationTarget,
  marker: StoredMarker,
  guarantees: SealGuarantees,
  signal: AbortSignal | undefined,
): Promise<StoredMarker> {
  const { allowMissingIssuers, deep, format } = guarantees;
  const guaranteeTooLittle =
    marker.distrustSeals ||
    (marker.allowMissingIssuers && !allowMissingIssuers) ||
    (deep && !marker.deep) ||
    // Without the list it is unknown which issuers the target must have.
    (format === "static-ct" && (await readIssuerList(target, signal)) === undefined);
  if (guaranteeTooLittle) return await removeDistrustedSeals(target, marker, guarantees);
  if (marker.allowMissingIssuers === allowMissingIssuers && marker.deep === deep) return marker;
  return await replaceMarker(target, marker, { allowMissingIssuers, deep });
}

/**
 * Removes seals that another tool wrote, or a laxer run. A full level-1 tile says that everything below it is durable
 * and right. The marker distrusts seals until all are removed: after a crash in between they are removed again.
 */
export async function removeDistrustedSeals(
  target: MigrationTarget,
  marker: StoredMarker,
  { allowMissingIssuers, deep }: SealGuarantees,
): Promise<StoredMarker> {
  for await (const { path } of target.list("tile/1")) await target.remove(path);
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
