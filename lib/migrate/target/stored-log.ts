/** What is in the target, read as a log: what comes from there is authenticated like anything else. */

import { setImmediate } from "node:timers/promises";
import { FULL_WIDTH, tilePath } from "../../tlog/layout.ts";
import { equalBytes, foldTile, HASH_SIZE } from "../../tlog/merkle.ts";
import { Counters } from "../counters.ts";
import type { ObjectSource, TileRecovery } from "../ports/source.ts";
import type { ReadContext } from "../read/context.ts";
import { PrunedError } from "../read/pruned.ts";
import { tiledLog } from "../read/tiled-log.ts";
import type { CopySession } from "../session.ts";
import { DEFAULT_RETRY } from "../throttle/backoff.ts";

const TILE_BYTES = FULL_WIDTH * HASH_SIZE;

/** Nothing is read twice: an object that is wrong stays so. */
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

/** Full tiles that the source has pruned, as an earlier run has left them in the target. */
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
