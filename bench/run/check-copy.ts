/** Whether a copy is what it must be: a benchmark of wrong copies would be none. */

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import type { BenchLog } from "../logs/logs.ts";
import type { Leavings } from "./contender.ts";

const GZIP_MAGIC = [0x1f, 0x8b];
/** Files between two looks at whether to stop. */
const BATCH = 256;

/**
 * Holds the files of a copy against those of the log: every byte, or, where the same was done with an earlier
 * copy by the same program, only that they are there.
 * @throws Error that names the first file that is missing or differs.
 */
export async function checkCopy(
  log: BenchLog,
  target: string,
  leaves: Leavings,
  { everyByte, signal }: { everyByte: boolean; signal: AbortSignal },
): Promise<void> {
  if (leaves.paths === "none") return;
  const paths = leaves.paths === "all" ? log.paths : log.paths.filter((path) => path.startsWith("tile/"));
  for (const [index, path] of paths.entries()) {
    if (index % BATCH === 0) {
      await setImmediate();
      signal.throwIfAborted();
    }
    const copy = join(target, path);
    if (!statSync(copy, { throwIfNoEntry: false })?.isFile()) throw new Error(`the copy has no ${path}`);
    if (!everyByte) continue;
    const stored = readFileSync(join(log.directory, path));
    const expected = leaves.decompressed && isGzip(log, path, stored) ? gunzipSync(stored) : stored;
    if (!readFileSync(copy).equals(expected)) throw new Error(`the copy of ${path} has other bytes`);
  }
}

/** An issuer or a tile may begin like a gzip stream by chance; only data tiles are ever compressed. */
function isGzip({ format }: BenchLog, path: string, stored: Buffer): boolean {
  const isData = format === "static-ct" && path.startsWith("tile/data/");
  return isData && GZIP_MAGIC.every((byte, index) => stored[index] === byte);
}
