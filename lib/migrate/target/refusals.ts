/** How a target is refused. */

import { type ErrorFacts, TargetRefusedError } from "../../errors.ts";
import { formatHash } from "../../tlog/merkle.ts";
import type { TreeHead } from "../ports/source.ts";
import type { MigrationTarget } from "../ports/target.ts";
import type { TrustedCheckpoint } from "../read/authentic.ts";
import type { CopySession } from "../session.ts";
import type { MigrationRecord } from "./marker.ts";

export const FIND_WRITER = "Find out what wrote it; nothing was changed";

export function refused(
  { location }: MigrationTarget,
  facts: Omit<ErrorFacts, "object">,
): TargetRefusedError {
  return new TargetRefusedError({ object: location, ...facts });
}

export function describeHead({ size, rootHash }: TreeHead): string {
  return `size ${size}, root ${formatHash(rootHash)}`;
}

/** @param stored what the target says of its log. */
export function requireSameLog(
  { target, options }: CopySession,
  { origin }: TrustedCheckpoint,
  stored: Pick<MigrationRecord, "origin" | "format">,
): void {
  for (const [what, expected, found] of [
    ["origin", origin, stored.origin],
    ["format", options.format, stored.format],
  ]) {
    if (expected === found) continue;
    const problem = `contains another log: its ${what} differs`;
    throw refused(target, { problem, expected, found, advice: "Choose another target" });
  }
}
