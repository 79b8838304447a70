/** Estimates the space that a copy needs, so that a target that is too small is refused before the copy. */

import { FormatError } from "../../tlog/errors.ts";
import { bundlePath, FULL_WIDTH, fullTileCount } from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";
import type { ReadHints } from "../ports/source.ts";
import type { SpaceNeeded } from "../ports/target.ts";
import type { ReadContext } from "../read/context.ts";
import { readAuthentic } from "../read/retry.ts";

/** Bundles whose sizes are read, evenly spread over the log. */
const SAMPLES = 5;

/** The level-0 tile of every bundle. */
const TILE_BYTES = FULL_WIDTH * HASH_SIZE;

/**
 * The bytes and objects of all bundles of a log with their tiles. Entries differ in size, so this is an estimate from a
 * few bundles; it is not authenticated, and only the check of free space depends on it.
 */
export async function estimateSpace(context: ReadContext, size: number): Promise<SpaceNeeded> {
  const bundles = fullTileCount(size, 0);
  const samples = Math.min(SAMPLES, bundles);
  if (samples === 0) return { bytes: 0, objects: 0 };
  const step = (bundles - 1) / Math.max(1, samples - 1);
  const sizes = await Promise.all(
    Array.from({ length: samples }, (_, i) => bundleBytes(context, Math.floor(i * step))),
  );
  const mean = sizes.reduce((sum, bytes) => sum + bytes, 0) / samples;
  return { bytes: Math.round(bundles * (mean + TILE_BYTES)), objects: 2 * bundles };
}

function bundleBytes(context: ReadContext, index: number): Promise<number> {
  const bundle = { index, width: FULL_WIDTH };
  const read = (hints: ReadHints) => context.source.entryBundle(bundle, hints);
  return readAuthentic(context, bundlePath(context.source.format, bundle), read, (bytes) => {
    if (bytes.length === 0) throw new FormatError("is empty");
    return bytes.length;
  });
}
