/** Whether a copy is what it must be: a benchmark of wrong copies would be worthless. */

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import type { BenchLog } from "../logs/logs.ts";
import type { Contender } from "./contender.ts";

const GZIP_MAGIC = Buffer.of(0x1f, 0x8b);
/** Files after which this process looks at its signals. */
const BATCH = 256;

/**
 * Compares the files of a copy with those of the log: every byte, or, where the same was done with an earlier
 * copy by the same program, only that they exist.
 * @throws Error that names the first file that is missing or differs.
 */
export async function checkCopy(
  log: Pick<BenchLog, "directory" | "paths">,
  target: string,
  { leaves, decompresses = false }: Pick<Contender, "leaves" | "decompresses">,
  everyByte: boolean,
): Promise<void> {
  if (leaves === undefined) return;
  const paths = leaves === "all" ? log.paths : log.paths.filter((path) => path.startsWith("tile/"));
  for (const [index, path] of paths.entries()) {
    if (index % BATCH === 0) await setImmediate();
    const copy = join(target, path);
    if (!statSync(copy, { throwIfNoEntry: false })?.isFile()) throw new Error(`the copy has no ${path}`);
    if (!everyByte) continue;
    const stored = readFileSync(join(log.directory, path));
    // An issuer or a tile may begin like a gzip stream by chance; only data tiles are ever compressed.
    const isGzip = path.startsWith("tile/data/") && stored.subarray(0, 2).equals(GZIP_MAGIC);
    const expected = decompresses && isGzip ? gunzipSync(stored) : stored;
    if (!readFileSync(copy).equals(expected)) throw new Error(`the copy of ${path} has other bytes`);
  }
}
