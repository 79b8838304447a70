/** The tiles that a tree has, for those who make or list all of a log. */

import { FULL_WIDTH, levelHashCount } from "../../lib/tlog/layout.ts";

/** How wide tile `index` of `level` is in a tree of `size`; 0 if it lies beyond the tree. */
export function tileWidth(size: number, level: number, index: number): number {
  const hashes = levelHashCount(size, level) - index * FULL_WIDTH;
  return Math.max(0, Math.min(FULL_WIDTH, hashes));
}

/** The tiles of a level, the partial one included; those of level 0 are also the bundles. */
export function* tilesOf(size: number, level: number): Generator<{ index: number; width: number }> {
  for (let index = 0, width = tileWidth(size, level, 0); width > 0; width = tileWidth(size, level, ++index)) {
    yield { index, width };
  }
}
