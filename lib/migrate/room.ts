/** An estimate of what a copy will store, so that a target that is too small is refused before the copy. */

import type { RoomNeeded } from "../../storage/target.ts";
import { FormatError } from "../tlog/errors.ts";
import { bundlePath, FULL_WIDTH, fullTileCount } from "../tlog/layout.ts";
import { HASH_SIZE } from "../tlog/merkle.ts";
import type { ReadContext } from "./read-context.ts";
import { readAuthentic } from "./retry.ts";

/** Bundles whose sizes are looked at, evenly spread over the log. */
const SAMPLES = 5;

/** What every bundle costs beside its own bytes: its level-0 tile. */
const TILE_BYTES = FULL_WIDTH * HASH_SIZE;

/**
 * Bytes and objects that the bundles of a log will take with their tiles, but for those below the level-1 tiles
 * in `sealed`: they are there, and are not asked for again. Entries differ in size, so this is an estimate from
 * a few bundles; it is not authenticated, and nothing but this look at the free space depends on it.
 */
export async function estimateRoom(
  context: ReadContext,
  size: number,
  sealed: ReadonlySet<number>,
): Promise<RoomNeeded> {
  const bundles = bundlesToCopy(size, sealed);
  if (bundles.count === 0) return { bytes: 0, objects: 0 };
  const samples = Math.min(SAMPLES, bundles.count);
  const sizes = await Promise.all(
    Array.from({ length: samples }, (_, i) => {
      const position = Math.floor((i * (bundles.count - 1)) / Math.max(1, samples - 1));
      return bundleBytes(context, bundles.at(position));
    }),
  );
  const mean = sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length;
  return { bytes: Math.round(bundles.count * (mean + TILE_BYTES)), objects: 2 * bundles.count };
}

/** The full bundles that no seal covers: how many, and the index of each. */
function bundlesToCopy(
  size: number,
  sealed: ReadonlySet<number>,
): { count: number; at: (position: number) => number } {
  const bundles = fullTileCount(size, 0);
  const tiles = Array.from({ length: Math.ceil(bundles / FULL_WIDTH) }, (_, tile) => tile);
  // The last tile may be partial: it has fewer bundles below it, and seals nothing.
  const open = tiles.filter((tile) => tile >= fullTileCount(size, 1) || !sealed.has(tile));
  return {
    count: bundles - (tiles.length - open.length) * FULL_WIDTH,
    at: (position) =>
      (open[Math.floor(position / FULL_WIDTH)] as number) * FULL_WIDTH + (position % FULL_WIDTH),
  };
}

async function bundleBytes(context: ReadContext, index: number): Promise<number> {
  const bundle = { index, width: FULL_WIDTH };
  const path = bundlePath(context.source.format, bundle);
  return await readAuthentic(
    context,
    path,
    (hints) => context.source.entryBundle(bundle, hints),
    (bytes) => {
      if (bytes.length === 0) throw new FormatError("is empty");
      return bytes.length;
    },
  );
}
