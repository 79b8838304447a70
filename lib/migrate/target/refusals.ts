/** The errors with which a target is refused. */

import { type ErrorFacts, TargetRefusedError } from "../../errors.ts";
import { formatHash } from "../../tlog/merkle.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { TreeHead } from "../ports/source.ts";
import type { MigrationTarget } from "../ports/target.ts";
import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { CopySession } from "../session.ts";
import type { MigrationRecord } from "./marker.ts";

export const FIND_WRITER = "Find out what wrote it; nothing was changed";

export function refused(
  { location }: MigrationTarget,
  facts: Omit<ErrorFacts, "object">,
): TargetRefusedError {
  return new TargetRefusedError({ object: location, ...facts });
}

const OTHERWISE =
  "if the claim has the wrong format by mistake, and nothing is stored there yet, `tlog-migrate abandon` removes it";

export function describeHead({ size, rootHash }: TreeHead): string {
  return `size ${formatCount(size)}, root ${formatHash(rootHash)}`;
}

/** @param stored the target's own data about its log. */
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
    const advice =
      what === "origin" ? "Choose another target" : `Pass --format ${found} if it is this log; ${OTHERWISE}`;
    throw refused(target, { problem, expected, found, advice });
  }
}
