/**
 * The real TesseraCT (v0.1.2, on Tessera v1.0.4), and its fsck. On S3 and MySQL it is its own program (`tesseract-aws.ts`).
 * In a directory, or in an emulated bucket and database of Google's cloud, it is its handlers, storage and antispam index in
 * `ctkit/`: its own program for POSIX needs an unreleased Tessera, and the one for Google's cloud a Secret Manager.
 */

import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CtKey, type CtLog, type CtReport, identityFlags, rootsOf } from "./ct-logs.ts";
import { executeAll, TesseraError } from "./execute.ts";
import type { Directory } from "./homes.ts";
import { build } from "./programs.ts";
import { type CallOptions, type ProgramOptions, start } from "./run.ts";
import { startOnAws } from "./tesseract-aws.ts";
import {
  type CtGcpBucket,
  monitoringUrlOf,
  type TesseraCT,
  type TesseraCTOptions,
} from "./tesseract-homes.ts";

const FSCK_TIMEOUT_MS = 60_000;

/**
 * Starts TesseraCT on a home, new or not, on a free port of the loopback; resolves once it takes submissions.
 * `timeoutMs` bounds the start and the stop, each.
 */
export async function startTesseraCT(options: TesseraCTOptions): Promise<TesseraCT> {
  await using scratch = await mkdtempDisposable(join(tmpdir(), "tlog-migrate-"));
  const roots = join(scratch.path, "roots.pem");
  await writeFile(roots, await rootsOf(options.authorities));
  return await ("sql" in options ? startOnAws(options, roots, scratch.path) : startInKit(options, roots));
}

async function startInKit(
  options: TesseraCTOptions<Directory | CtGcpBucket>,
  roots: string,
): Promise<TesseraCT> {
  const args = ["tesseract", ...homeFlags(options), ...identityFlags(options), "--roots", roots];
  const running = await start<CtKey & { readonly url: string; readonly size: number }, CtReport>(
    "ctkit",
    args,
    programOptions(options),
  );
  const { url, size, publicKey, vkey } = running.ready;
  return {
    origin: options.origin,
    publicKey,
    vkey,
    url,
    monitoringUrl: monitoringUrlOf(options) ?? url,
    sizeBefore: size,
    indexed: async () => Number(await (await fetch(`${url}/kit/antispam`)).text()),
    stop: running.stop,
    [Symbol.asyncDispose]: running[Symbol.asyncDispose],
  };
}

function homeFlags(home: Directory | CtGcpBucket): string[] {
  if ("dir" in home) return ["--dir", home.dir];
  // TesseraCT keeps its antispam index in a database of its own.
  const antispam = `${home.database}-antispam`;
  return ["--bucket", home.bucket, "--spanner", home.database, "--antispam-spanner", antispam];
}

function programOptions(options: TesseraCTOptions<Directory | CtGcpBucket>): ProgramOptions {
  const { timeoutMs } = options;
  return "dir" in options ? { timeoutMs } : { timeoutMs, env: options.env };
}

export interface CtFsckOptions extends Pick<CtLog, "origin" | "publicKey">, CallOptions {
  /** The log's monitoring prefix: `http://…`, or `file://` and a path. */
  readonly url: string;
  /** Whether the data tiles are stored compressed, as Sunlight's are. */
  readonly compressed?: boolean;
}

/**
 * Runs TesseraCT's own fsck, which also looks for each issuer; rejects with what it said. `timeoutMs` is 60 s unless
 * told.
 *
 * It exits with 0 whatever it found, so that its words decide. Where a tile differs it may wait for ever; the timeout
 * ends it. With more than one worker it would end with issuers still to be looked for.
 */
export async function fsckStaticCt(options: CtFsckOptions): Promise<Pick<CtReport, "size" | "rootHash">> {
  const { url, origin, publicKey, compressed = false, timeoutMs = FSCK_TIMEOUT_MS } = options;
  const log = ["--monitoring_url", url, "--origin", origin, "--public_key", publicKey];
  const args = ["--ui=false", "--N=1", ...log];
  if (compressed) args.push("--bundle_compressed");
  const what = `TesseraCT's fsck of ${url}`;
  const { stderr } = await executeAll(await build("tesseract-fsck"), args, { timeoutMs, what });
  const success = /Successfully fsck'd log with size (\d+) and root (\S+)/.exec(stderr);
  if (success === null || stderr.includes("Couldn't fetch issuer")) throw new TesseraError(what, stderr);
  const [, size, rootHash] = success as unknown as [string, string, string];
  return { size: Number(size), rootHash };
}
