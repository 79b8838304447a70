/** An estimate of what a copy will store, so that a target that is too small is refused before the copy. */

import { FormatError } from "../../tlog/errors.ts";
import { bundlePath, FULL_WIDTH, fullTileCount } from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";
import type { RoomNeeded } from "../ports/target.ts";
import type { ReadContext } from "../read/context.ts";
import { readAuthentic } from "../read/retry.ts";

/** Bundles whose sizes are looked at, evenly spread over the log. */
const SAMPLES = 5;

/** What every bundle costs beside its own bytes: its level-0 tile. */
const TILE_BYTES = FULL_WIDTH * HASH_SIZE;

/**
 * Bytes and objects that the bundles of a log will take with their tiles. Entries differ in size, so this is an
 * estimate from a few bundles; it is not authenticated, and nothing but a look at the free space depends on it.
 */
export async function estimateRoom(context: ReadContext, size: number): Promise<RoomNeeded> {
  const bundles = fullTileCount(size, 0);
  const samples = Math.min(SAMPLES, bundles);
  if (samples === 0) return { bytes: 0, objects: 0 };
  const sizes = await Promise.all(
    Array.from({ length: samples }, (_, i) =>
      bundleBytes(context, Math.floor((i * (bundles - 1)) / Math.max(1, samples - 1))),
    ),
  );
  const mean = sizes.reduce((sum, bytes) => sum + bytes, 0) / samples;
  return { bytes: Math.round(bundles * (mean + TILE_BYTES)), objects: 2 * bundles };
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
