/** rclone, copying over HTTP into a directory: fetch and write, no checks of what came. */

import type { Candidate } from "../run/contender.ts";
import { firstLine } from "../run/versions.ts";

export const RCLONE_ID = "rclone";

/**
 * The fastest fair setting that was found for rclone 1.60. It is handed the list of the files: an HTTP remote
 * otherwise asks for directory listings and for the size of each file first. No HEAD requests; files of which
 * the size is not known beforehand are written as they come (`--streaming-upload-cutoff 0`) and not read back
 * for a checksum. Nothing of the target is looked at, and no times are set.
 */
const FLAGS = [
  "--config",
  "/dev/null",
  "--no-traverse",
  "--no-check-dest",
  "--http-no-head",
  "--streaming-upload-cutoff",
  "0",
  "--buffer-size",
  "0",
  "--ignore-checksum",
  "--local-no-set-modtime",
  "--stats",
  "0",
];

/** The numbers of transfers at a time of which the best is shown. */
export const RCLONE_TRANSFERS = [4, 16, 64] as const;

export function rcloneVersion(): string | undefined {
  return firstLine("rclone", ["version"])?.replace(/^rclone v/, "");
}

/** @param transfers files at a time. */
export function rclone(transfers: number): Candidate {
  const label = `rclone, ${transfers} transfers`;
  if (rcloneVersion() === undefined)
    return { id: RCLONE_ID, label: "rclone", reason: "rclone is not installed" };
  const atATime = ["--transfers", String(transfers), "--checkers", String(transfers)];
  return {
    id: RCLONE_ID,
    label,
    leaves: { paths: "all", decompressed: true },
    command: ({ sourceUrl, log, target, caFile }) => ({
      file: "rclone",
      args: ["copy", ":http:", target, "--http-url", sourceUrl, "--files-from-raw", log.pathList].concat(
        FLAGS,
        atATime,
        caFile === undefined ? [] : ["--ca-cert", caFile],
      ),
    }),
  };
}
