/** cp -r, from the directory that the source is served from: no network, no checks. */

import type { Candidate, Contender } from "../run/contender.ts";
import { runs } from "../run/versions.ts";

export const CP_ID = "cp";
const LEAVES: Contender["leaves"] = { paths: "all", decompressed: false };
const NO_CP = "there is no cp";

/** `cp -r` alone: what it leaves on a disk is in memory first. */
export function cp(): Candidate {
  const label = "cp -r";
  if (!cpAvailable()) return { id: CP_ID, label, reason: NO_CP };
  return {
    id: CP_ID,
    label,
    leaves: LEAVES,
    command: ({ log, target }) => ({ file: "cp", args: ["-r", log.directory, target] }),
  };
}

/** `cp -r`, and then everything made durable. */
export function durableCp(): Candidate {
  const label = "cp -r, then sync -f";
  if (!cpAvailable()) return { id: CP_ID, label, reason: NO_CP };
  if (!runs("sync", ["-f", "."])) return { id: CP_ID, label, reason: "this sync(1) does not know -f" };
  const script = 'cp -r "$1" "$2" && sync -f "$2"';
  return {
    id: CP_ID,
    label,
    leaves: LEAVES,
    command: ({ log, target }) => ({ file: "sh", args: ["-c", script, "sh", log.directory, target] }),
  };
}

function cpAvailable(): boolean {
  return runs("cp", ["--help"]);
}
