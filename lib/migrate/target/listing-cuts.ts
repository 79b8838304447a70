/** Where a listing of a log may be divided, so that a store which gives a thousand names a page is asked for several at once. */

import {
  bundleDirectory,
  directoryOfPath,
  indexPath,
  type LogFormat,
  levelCount,
  tileCount,
} from "../../tlog/layout.ts";

/** Indexes between two cuts. At each a page is asked for whose end is of no use. */
const INDEXES_BETWEEN = 8_000;
/** A row with fewer is not cut off from the one before: that costs a page. */
const MIN_ROW = 1_000;

/** Names below `tile` that divide the listing of a log of `size` entries, in the order of their bytes. */
export function listingCuts(format: LogFormat, size: number): string[] {
  const rows = Array.from({ length: levelCount(size) }, (_, level) => ({ row: `tile/${level}`, level }));
  const cuts = [...rows, { row: bundleDirectory(format), level: 0 }].flatMap(({ row, level }) => {
    const count = tileCount(size, level);
    if (count < MIN_ROW) return [];
    const parts = Math.ceil(count / INDEXES_BETWEEN);
    return Array.from(
      { length: parts },
      (_, part) => `${directoryOfPath(`${row}/${indexPath(part * INDEXES_BETWEEN)}`)}/`,
    );
  });
  // Nothing of a log is before the first row.
  return [...new Set(cuts)].sort().slice(1);
}
