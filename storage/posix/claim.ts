/**
 * The claim on a directory: `.state/version` with a text instead of the number that Tessera's lifecycles accept.
 */

import fs from "node:fs";
import { join } from "node:path";
import { TargetRefusedError } from "../../lib/errors.ts";
import { errnoCode } from "./errno.ts";
import { VERSION_FILE } from "./tessera-state.ts";

/** The text before the marker's JSON: Tessera prints it when it refuses the directory. */
const CLAIM_PREFIX = "migration-in-progress ";

/** The bytes of `.state/version` for a marker. */
export function claimText(marker: string): string {
  return `${CLAIM_PREFIX}${marker}`;
}

/** The marker in a `.state/version`, undefined if it contains something else. */
export function markerIn(version: string | undefined): string | undefined {
  return version?.startsWith(CLAIM_PREFIX) ? version.slice(CLAIM_PREFIX.length) : undefined;
}

/** The text of a small file of the state, undefined if there is none. */
export function stateText(root: string, path: string): string | undefined {
  try {
    return fs.readFileSync(join(root, path), "utf8");
  } catch (error) {
    if (errnoCode(error) === "ENOENT" || errnoCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/**
 * Requires that a directory is still claimed; given a marker, by exactly that one. Another copy may have raised
 * the aim, or handed the target over, while this one was suspended.
 * @throws TargetRefusedError
 */
export function requireClaim(root: string, marker?: string): void {
  const version = stateText(root, VERSION_FILE);
  const found = markerIn(version);
  if (found !== undefined && (marker === undefined || found === marker)) return;
  throw new TargetRefusedError({
    object: join(root, VERSION_FILE),
    problem: "is not this copy's claim any more",
    found: version?.slice(0, 200) ?? "nothing",
    advice:
      "Another copy was at work here, or log software was: find out which, then run the same command again",
  });
}
