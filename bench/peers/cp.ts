/** cp -r, from the directory that the source is served from: no network, no checks. */

import { type Candidate, skipped } from "../run/contender.ts";
import { firstLine } from "../run/machine.ts";

export const CP_ID = "cp";

/** `cp -r` alone: what it leaves on a disk is in memory first. */
export function cp(): Candidate {
  const version = firstLine("cp", ["--version"]);
  const head = { id: CP_ID, label: "cp -r" };
  if (version === undefined) return skipped(head, "there is no GNU cp");
  return {
    ...head,
    version,
    leaves: "all",
    command: ({ log, target }) => ({ file: "cp", args: ["-r", log.directory, target] }),
  };
}

/** `cp -r`, and then everything made durable. */
export function durableCp(): Candidate {
  const candidate = { ...cp(), label: "cp -r, then sync -f" };
  if ("state" in candidate) return candidate;
  if (firstLine("sync", ["-f", "."]) === undefined)
    return skipped(candidate, "this sync(1) does not know -f");
  const script = 'cp -r "$1" "$2" && sync -f "$2"';
  return {
    ...candidate,
    command: ({ log, target }) => ({ file: "sh", args: ["-c", script, "sh", log.directory, target] }),
  };
}
