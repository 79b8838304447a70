/** The tiles that a tree has, for those who make or list all of a log. */

import { tileWidth } from "../../lib/tlog/layout.ts";

/** The tiles of a level, the partial one included; those of level 0 are also the bundles. */
export function* tilesOf(size: number, level: number): Generator<{ index: number; width: number }> {
  for (let index = 0, width = tileWidth(size, level, 0); width > 0; width = tileWidth(size, level, ++index)) {
    yield { index, width };
  }
}
