/** TesseraCT's own program for S3 and MySQL, as it is released. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { keyOf, reportOf } from "./ct-logs.ts";
import { databaseFlags } from "./homes.ts";
import { startServer } from "./supervised.ts";
import {
  type CtAwsBucket,
  monitoringUrlOf,
  type TesseraCT,
  type TesseraCTOptions,
} from "./tesseract-homes.ts";

/**
 * Starts it with the log's key in files of a directory, which may be gone once it is ready. What counts seconds is
 * longer than by default, and the limits on old and on repeated certificates are lifted.
 */
export async function startOnAws(
  options: TesseraCTOptions<CtAwsBucket>,
  roots: string,
  directory: string,
): Promise<TesseraCT> {
  const { origin, bucket, sql, antispam, env, timeoutMs } = options;
  const path = origin.replace(/^[^/]*/, "");
  const { publicKey, vkey, privatePem, publicPem } = await keyOf(options);
  const [privateKey, publicFile] = [join(directory, "private.pem"), join(directory, "public.pem")];
  await Promise.all([writeFile(privateKey, privatePem), writeFile(publicFile, publicPem)]);
  const flags = [
    ...["--origin", origin, "--path_prefix", path, "--roots_pem_file", roots],
    ...["--signer_private_key_file", privateKey, "--signer_public_key_file", publicFile],
    ...[
      "--bucket",
      bucket,
      "--s3_use_path_style",
      ...databaseFlags(sql.dsn),
      "--antispam_db_name",
      antispam.name,
    ],
    ...["--rate_limit_old_not_before", "", "--rate_limit_dedup", "-1", "--http_deadline", "5m"],
  ];
  const program = await startServer("tesseract-aws", {
    args: (port) => ["--http_endpoint", `127.0.0.1:${port}`, ...flags],
    readyPath: `${path}/ct/v1/get-roots`,
    env: { ...env, AWS_DEFAULT_REGION: env.AWS_REGION ?? "" },
    timeoutMs,
  });
  const [integrated] = await sql.query("SELECT seq FROM IntCoord");
  const monitoringUrl = monitoringUrlOf(options) ?? "";
  return {
    ...{ origin, publicKey, vkey, monitoringUrl },
    url: program.url,
    sizeBefore: integrated?.seq,
    indexed: async () => (await antispam.query("SELECT nextIdx FROM AntispamFollowCoord"))[0]?.nextIdx,
    stop: async () => {
      // It answers once a submission is published, and submissions come to their answers first.
      await program.stop();
      return reportOf(await (await fetch(`${monitoringUrl}/checkpoint`)).text());
    },
    [Symbol.asyncDispose]: program[Symbol.asyncDispose],
  };
}
