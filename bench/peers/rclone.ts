/** rclone, copying over HTTP into a directory: fetch and write, no checks of what came. */

import type { MissingRow } from "../report/report.ts";
import { fastest, type Setting } from "../run/compare.ts";
import { type Candidate, type Entrant, entrantOf, type Source, skipped } from "../run/contender.ts";
import { firstLine } from "../run/machine.ts";

export const RCLONE_ID = "rclone";

/**
 * The fastest fair setting that was found for rclone 1.60. It is given the list of the files: an HTTP remote
 * otherwise asks for directory listings and for the size of each file first. No HEAD requests; files of which
 * the size is not known beforehand are written as they come (`--streaming-upload-cutoff 0`) and not read back
 * for a checksum. Nothing of the target is looked at, and no times are set.
 */
const FLAGS = [
  ...["--config", "/dev/null", "--no-traverse", "--no-check-dest", "--http-no-head"],
  ...["--streaming-upload-cutoff", "0", "--buffer-size", "0", "--ignore-checksum"],
  ...["--local-no-set-modtime", "--stats", "0"],
];

/** The numbers of transfers at a time of which the best is shown. */
const TRANSFERS = [4, 16, 64];

/** rclone with the number of transfers at a time that is fastest. */
export async function fastestRclone(setting: Setting, source: Source): Promise<Entrant | MissingRow> {
  const version = firstLine("rclone", ["version"]);
  return await fastest(
    setting,
    TRANSFERS.map((transfers) => entrantOf(rclone(transfers, version), source)),
  );
}

function rclone(transfers: number, version: string | undefined): Candidate {
  if (version === undefined) return skipped({ id: RCLONE_ID, label: "rclone" }, "rclone is not installed");
  const atATime = ["--transfers", String(transfers), "--checkers", String(transfers)];
  return {
    id: RCLONE_ID,
    label: `rclone, ${transfers} transfers`,
    version,
    leaves: "all",
    decompresses: true,
    command: ({ sourceUrl, log, target, caFile }) => ({
      file: "rclone",
      args: [
        ...["copy", ":http:", target, "--http-url", sourceUrl, "--files-from-raw", log.pathList],
        ...FLAGS,
        ...atATime,
        ...(caFile === undefined ? [] : ["--ca-cert", caFile]),
      ],
    }),
  };
}
