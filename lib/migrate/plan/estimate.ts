/** What a tree consists of, and what there is to copy of it: arithmetic alone. */

import { FULL_WIDTH, fullTileCount, levelCount, levelHashCount, tileCount } from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";
import { type BundleSamples, standardError } from "./bundle-samples.ts";

/** A number that is not known exactly: the true one is in the range in 19 of 20 cases, as far as the samples are typical. */
export interface Estimate {
  readonly likely: number;
  readonly least: number;
  readonly most: number;
}

/** Of a normal distribution, the range that has 95 %. */
const STANDARD_ERRORS = 1.96;

/** The bytes of all full bundles of a part, from its samples. */
export function bundleBytes(samples: BundleSamples): Estimate {
  const { of, bytes, absent } = samples;
  const read = bytes.length + absent;
  if (read === 0) return exactly(0);
  const values = [...bytes, ...Array.from({ length: absent }, () => 0)];
  const mean = values.reduce((sum, value) => sum + value, 0) / read;
  const likely = of * mean;
  if (read === of) return exactly(likely);
  // What was read is known, and shrinks what is not.
  const unread = Math.sqrt(1 - read / of);
  const error = read < 2 ? likely : STANDARD_ERRORS * of * standardError(values) * unread;
  const seen = values.reduce((sum, value) => sum + value, 0);
  return rounded({ likely, least: Math.max(seen, likely - error), most: likely + error });
}

export function exactly(value: number): Estimate {
  return { likely: value, least: value, most: value };
}

export function sum(...all: readonly Estimate[]): Estimate {
  const total = (of: (one: Estimate) => number): number => all.reduce((sum, one) => sum + of(one), 0);
  return rounded({
    likely: total((one) => one.likely),
    least: total((one) => one.least),
    most: total((one) => one.most),
  });
}

export function times({ likely, least, most }: Estimate, factor: number): Estimate {
  return rounded({ likely: likely * factor, least: least * factor, most: most * factor });
}

function rounded({ likely, least, most }: Estimate): Estimate {
  return { likely: Math.round(likely), least: Math.floor(least), most: Math.ceil(most) };
}

/** Objects and bytes of the hash tiles of a tree; `pruned` level-0 tiles are missing. */
export function hashTiles(
  size: number,
  pruned: number,
): { readonly objects: number; readonly bytes: number } {
  let [objects, bytes] = [0 - pruned, 0 - pruned * FULL_WIDTH * HASH_SIZE];
  for (let level = 0; level < levelCount(size); level++) {
    objects += tileCount(size, level);
    bytes += levelHashCount(size, level) * HASH_SIZE;
  }
  return { objects, bytes };
}

/** Hash tiles that a copy reads: those above the bundles, the right edge, and level 0 where it is fetched. */
export function tilesRead(size: number, fetchesLevel0: boolean): number {
  let tiles = 0;
  for (let level = 0; level < levelCount(size); level++) {
    const isRead = level > 0 || fetchesLevel0;
    tiles += isRead ? tileCount(size, level) : tileCount(size, level) - fullTileCount(size, level);
  }
  return tiles;
}
