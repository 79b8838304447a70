/** Where the listing of a log may be divided. */

import { expect, it } from "vitest";
import { listingCuts } from "../../../../lib/migrate/target/listing-cuts.ts";
import { bundlePath, type LogFormat, levelCount, tileCount, tilePath } from "../../../../lib/tlog/layout.ts";

/** Names of all full objects of a log, and of partial ones at its end. */
function names(format: LogFormat, size: number): string[] {
  const rows = Array.from({ length: levelCount(size) }, (_, level) =>
    Array.from({ length: tileCount(size, level) }, (_, index) => tilePath({ level, index, width: 256 })),
  );
  const bundles = Array.from({ length: tileCount(size, 0) }, (_, index) =>
    bundlePath(format, { index, width: 256 }),
  );
  return [...rows.flat(), ...bundles].sort();
}

it.each([0, 1, 256, 999 * 256])("none of %d entries pays", (size) => {
  expect(listingCuts("tiles", size)).toEqual([]);
});

it.each<[format: LogFormat, bundles: number, cuts: readonly string[]]>([
  ["tiles", 1000, ["tile/entries/"]],
  ["static-ct", 8001, ["tile/0/x008/", "tile/data/", "tile/data/x008/"]],
])("%s of %d bundles", (format, bundles, cuts) => {
  expect(listingCuts(format, bundles * 256)).toEqual(cuts);
});

it.each([2_001, 123_456, 1_000_000, 1_234_567])(
  "no part of %d bundles has more pages than it must",
  (bundles) => {
    const size = bundles * 256;
    const cuts = listingCuts("tiles", size);
    expect(cuts).toEqual([...new Set(cuts)].sort());
    let [after, found] = [0, 0];
    const parts: number[] = [];
    for (const name of names("tiles", size)) {
      while (cuts[after] !== undefined && name > (cuts[after] as string)) {
        after++;
        parts.push(found);
        found = 0;
      }
      found++;
    }
    parts.push(found);
    expect(parts).toHaveLength(cuts.length + 1);
    // Above a million, names of eight thousand indexes and of a directory of a thousand more lie between two cuts.
    expect(Math.max(...parts)).toBeLessThanOrEqual(24_000);
    expect(parts.filter((count) => count === 0)).toEqual([]);
  },
);
