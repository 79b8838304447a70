/**
 * What a seal in a target tells beyond leaf hashes: runs may ask for more or less of a Static CT log, and a seal must
 * never pass for one that tells more than the run that wrote it had asked for.
 */

import { TargetRefusedError } from "../../errors.ts";
import type { LogFormat } from "../../tlog/layout.ts";
import { readIssuerList } from "../issuers/manifest.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { type HeldMarker, replaceMarker } from "./held-marker.ts";
import { parseMarker } from "./marker.ts";

/** What is asked for below the seals of a run. */
export interface SealMeaning {
  readonly format: LogFormat;
  /** Of Static CT: entries may name issuers that cannot be had. */
  readonly allowMissingIssuers: boolean;
  /** Of Static CT: every entry was held against the rules for what no leaf hash covers. */
  readonly deep: boolean;
}

/** Leaves no seal in a target that tells less than this run promises, and has the marker say what they tell. */
export async function trustedSeals(
  target: MigrationTarget,
  marker: HeldMarker,
  meaning: SealMeaning,
  signal: AbortSignal | undefined,
): Promise<HeldMarker> {
  const { allowMissingIssuers, deep, format } = meaning;
  const tellTooLittle =
    marker.distrustSeals ||
    (marker.allowMissingIssuers && !allowMissingIssuers) ||
    (deep && !marker.deep) ||
    // Without the list nobody knows which issuers must be there.
    (format === "static-ct" && (await readIssuerList(target, signal)) === undefined);
  if (tellTooLittle) return await removeDistrustedSeals(target, marker, meaning);
  if (marker.allowMissingIssuers === allowMissingIssuers && marker.deep === deep) return marker;
  return await replaceMarker(target, marker, { allowMissingIssuers, deep });
}

/**
 * A full level-1 tile says that everything below it is durable and right, but another tool wrote these, or a run
 * that asked for less. They are removed, and only then does the marker stop to distrust them: a crash in between
 * removes them again.
 */
export async function removeDistrustedSeals(
  target: MigrationTarget,
  marker: HeldMarker,
  { allowMissingIssuers, deep }: SealMeaning,
): Promise<HeldMarker> {
  for await (const { path } of target.list("tile/1")) await target.remove(path);
  return await replaceMarker(target, marker, { distrustSeals: false, allowMissingIssuers, deep });
}

/**
 * Before a seal is written: the marker must still say what this run's seals tell. A copy that slept while another one
 * asked for more would write seals that tell less than that one's.
 * @throws TargetRefusedError
 */
export async function requireMeaning(
  target: MigrationTarget,
  { allowMissingIssuers, deep }: SealMeaning,
): Promise<void> {
  const contents = await target.inspect();
  if (contents.kind === "claimed") {
    const marker = parseMarker(contents.marker, target.location);
    if (marker.allowMissingIssuers === allowMissingIssuers && marker.deep === deep) return;
  }
  throw new TargetRefusedError({
    object: target.location,
    problem: "is being filled by another copy, with other options",
    advice: "Wait until that one ends, then run this command again",
  });
}
