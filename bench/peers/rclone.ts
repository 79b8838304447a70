/** rclone, copying over HTTP into a directory or a bucket: fetch and write, no checks of what came. */

import type { BenchCloud } from "../clouds/cloud.ts";
import type { MissingRow } from "../report/report.ts";
import { fastest, type Setting } from "../run/compare.ts";
import {
  type Candidate,
  type Contender,
  type Entrant,
  entrantOf,
  type Source,
  skipped,
} from "../run/contender.ts";
import { firstLine } from "../run/machine.ts";

export const RCLONE_ID = "rclone";

/**
 * The fastest fair setting that was found for rclone 1.60. It is given the list of the files: an HTTP remote
 * otherwise asks for directory listings first. Nothing of the target is looked at, and no times are set.
 */
const FLAGS = [
  ...["--config", "/dev/null", "--no-traverse", "--no-check-dest", "--buffer-size", "0"],
  ...["--ignore-checksum", "--stats", "0"],
];

/**
 * No HEAD requests for the size of each file; files of which the size is not known beforehand are written as they come
 * (`--streaming-upload-cutoff 0`) and not read back for a checksum.
 */
const INTO_DIRECTORY = ["--http-no-head", "--streaming-upload-cutoff", "0", "--local-no-set-modtime"];

/**
 * No HEAD requests for what was just stored, and no MD5. Sizes are asked for: without them an upload takes up to twice
 * as long.
 */
const INTO_S3 = [
  ...["--s3-provider", "Other", "--s3-env-auth", "--s3-no-check-bucket", "--s3-no-head"],
  "--s3-disable-checksum",
];

/** The numbers of transfers at a time of which the best is shown. */
const TRANSFERS = [4, 16, 64];

/** rclone with the number of transfers at a time that is fastest. @param cloud whose S3 is copied into. */
export async function fastestRclone(
  setting: Setting,
  source: Source,
  cloud?: BenchCloud,
): Promise<Entrant | MissingRow> {
  const version = firstLine("rclone", ["version"]);
  return await fastest(
    setting,
    TRANSFERS.map((transfers) => entrantOf(rclone(transfers, version, cloud), source)),
  );
}

function rclone(transfers: number, version: string | undefined, cloud: BenchCloud | undefined): Candidate {
  if (version === undefined) return skipped({ id: RCLONE_ID, label: "rclone" }, "rclone is not installed");
  const atATime = ["--transfers", String(transfers), "--checkers", String(transfers)];
  const into = (target: string): Pick<ReturnType<Contender["command"]>, "args" | "env"> => {
    if (cloud === undefined) return { args: [target, ...INTO_DIRECTORY] };
    const { bucket, env } = cloud.home;
    const endpoint = ["--s3-endpoint", env.AWS_ENDPOINT_URL_S3 ?? ""];
    return { args: [`:s3:${bucket}`, ...INTO_S3, ...endpoint], env };
  };
  return {
    id: RCLONE_ID,
    label: `rclone, ${transfers} transfers`,
    version,
    leaves: "all",
    decompresses: true,
    ...(cloud && { place: cloud }),
    command({ sourceUrl, log, target, caFile }) {
      const { args, env } = into(target);
      return {
        file: "rclone",
        args: [
          ...["copy", ":http:", ...args, "--http-url", sourceUrl, "--files-from-raw", log.pathList],
          ...FLAGS,
          ...atATime,
          ...(caFile === undefined ? [] : ["--ca-cert", caFile]),
        ],
        ...(env && { env }),
      };
    },
  };
}
