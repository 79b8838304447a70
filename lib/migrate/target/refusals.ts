/** The errors with which a target is refused. */

import { type ErrorFacts, TargetRefusedError } from "../../errors.ts";
import { parseResourcePath } from "../../tlog/layout.ts";
import { formatHash } from "../../tlog/merkle.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { TreeHead } from "../ports/source.ts";
import type { MigrationTarget } from "../ports/target.ts";
import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { CopySession } from "../session.ts";
import type { MigrationRecord } from "./marker.ts";

export const EMPTY_TARGET = "Choose an empty target";
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

/**
 * The source has grown since a handover that was broken off: its writer was still running. The handover is not
 * completed, and the marker remains, so that no log software starts on the target.
 */
export function grownBeyondHandover(
  target: MigrationTarget,
  aim: TreeHead,
  source: TreeHead,
): TargetRefusedError {
  return refused(target, {
    problem: `a handover at size ${formatCount(aim.size)} was broken off, and the source has signed more entries since: its writer was alive`,
    expected: `a source of size ${formatCount(aim.size)}`,
    found: `size ${formatCount(source.size)}`,
    advice:
      "No log software can start on this target. Stop the old writer permanently; run the same command without --handover, which takes the handover back and copies the rest; then run it with --handover",
  });
}

/** A worker found nothing that it could join. */
export function notClaimed({ location }: MigrationTarget): ErrorFacts {
  const advice =
    "Start the copy that divides the work: tlog-migrate copy with the same --queue, source and target";
  return { object: location, problem: "is not claimed by a copy yet", advice };
}

/** @param example an object where the tiles of a log would be. */
export async function unclaimed(target: MigrationTarget, example: string): Promise<TargetRefusedError> {
  let tile = parseResourcePath(example) && example;
  if (tile === undefined) {
    for await (const { path } of target.list("tile")) {
      tile = parseResourcePath(path) && path;
      if (tile !== undefined) break;
    }
  }
  if (tile === undefined) {
    const problem = `contains files that tlog-migrate did not write and that are not part of a log, for example ${example}`;
    return refused(target, { problem, advice: EMPTY_TARGET });
  }
  return refused(target, {
    problem: `contains tiles that tlog-migrate did not write, for example ${tile}`,
    advice: `${EMPTY_TARGET}; or, if it is an unfinished copy of the same log by another tool, pass --adopt`,
  });
}
