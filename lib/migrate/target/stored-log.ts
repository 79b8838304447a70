/** Reads the target as a log: its objects are authenticated like all others. */

import { setImmediate } from "node:timers/promises";
import { FULL_WIDTH, tilePath } from "../../tlog/layout.ts";
import { equalBytes, foldTile, HASH_SIZE } from "../../tlog/merkle.ts";
import type { ObjectSource, TileRecovery } from "../ports/source.ts";
import type { ReadContext } from "../read/context.ts";
import { PrunedError } from "../read/pruned.ts";
import { tiledLog } from "../read/tiled-log.ts";
import { Counters } from "../report/counters.ts";
import type { CopySession } from "../session.ts";
import { DEFAULT_RETRY } from "../throttle/backoff.ts";

const TILE_BYTES = FULL_WIDTH * HASH_SIZE;

/** No retries: a wrong object in the target stays wrong. */
export function storedLog({ target, options, context, writer }: CopySession): ReadContext {
  const stored: ObjectSource = {
    location: target.location,
    locate: (path) => target.locate(path),
    async read(path, { maxBytes }) {
      // A writer may read synchronously: other work, such as signals, runs between two tiles.
      await setImmediate();
      return await writer().read(path, maxBytes);
    },
    async close() {},
  };
  const retry = { ...DEFAULT_RETRY, attempts: 0, contentAttempts: 0 };
  const source = tiledLog(stored, options.format);
  return { source, counters: new Counters(), retry, signal: context.signal, minIndex: context.minIndex };
}

/** Full tiles that the source has pruned, from the target, where an earlier run has stored them. */
export function storedTiles({ writer }: CopySession): TileRecovery {
  return {
    async fullTile(failure, level, index, expected) {
      if (!(failure instanceof PrunedError)) throw failure;
      const found = await writer().read(tilePath({ level, index, width: FULL_WIDTH }), TILE_BYTES);
      if (found?.length === TILE_BYTES && equalBytes(foldTile(found), expected)) return found;
      throw failure;
    },
    async edge(failure) {
      throw failure;
    },
  };
}
