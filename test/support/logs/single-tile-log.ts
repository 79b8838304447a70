/** Static CT logs of given entries, small enough for one data tile: what an odd entry does to a copy. */

import { hash } from "node:crypto";
import { hashBundle } from "../../../lib/tlog/hasher/hasher.ts";
import { bundlePath, CHECKPOINT_PATH, issuerPath, tilePath } from "../../../lib/tlog/layout.ts";
import { rootFromRightEdge } from "../../../lib/tlog/merkle.ts";
import { logKeys } from "../../logs/log-keys.ts";

/** A log in memory, and the path of its one data tile. */
export interface EntryLog {
  readonly format: "static-ct";
  readonly vkey: string;
  /** Every object by its path. Each test owns its map and may spoil it. */
  readonly objects: Map<string, Buffer>;
  readonly bundle: string;
}

/**
 * A log of these entries and issuers.
 * @param entries 1 to 255, each as it stands in a data tile.
 * @param issuers DER of each.
 */
export function entryLog(entries: readonly Buffer[], issuers: readonly Buffer[]): EntryLog {
  const width = entries.length;
  const coordinate = { index: 0, width };
  const bytes = Buffer.concat(entries);
  const { leafHashes } = hashBundle("static-ct", bytes, width);
  const { vkey, signCheckpoint } = logKeys("log.example/entries", "entries", "static-ct");
  const bundle = bundlePath("static-ct", coordinate);
  const objects = new Map<string, Buffer>([
    ...issuers.map((der) => [issuerPath(hash("sha256", der)), der] as const),
    [bundle, bytes],
    [tilePath({ level: 0, ...coordinate }), Buffer.from(leafHashes)],
    [CHECKPOINT_PATH, Buffer.from(signCheckpoint(width, rootFromRightEdge(width, [leafHashes])))],
  ]);
  return { format: "static-ct", vkey, objects, bundle };
}
