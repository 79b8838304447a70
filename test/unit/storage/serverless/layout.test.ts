/** Paths of the old serverless layout: those of its own tests (api/layout/paths_test.go), and what they do not reach. */

import { expect, test } from "vitest";
import { FULL_WIDTH } from "../../../../lib/tlog/layout.ts";
import { entryPath, tilePathOf } from "../../../../storage/serverless/layout.ts";

test.each([
  [0, "seq/00/00/00/00/00"],
  [0x85, "seq/00/00/00/00/85"],
  [0xffeeddccbb, "seq/ff/ee/dd/cc/bb"],
  [0x1234567890, "seq/12/34/56/78/90"],
  // Beyond 40 bits the software has more digits in the first directory.
  [2 ** 40, "seq/100/00/00/00/00"],
  [Number.MAX_SAFE_INTEGER, "seq/1fffff/ff/ff/ff/ff"],
])("entry %i is at %s", (index, path) => {
  expect(entryPath(index)).toBe(path);
});

test.each([
  [0, 0, FULL_WIDTH, "tile/00/0000/00/00/00"],
  [0, 0, 1, "tile/00/0000/00/00/00.01"],
  [0x10, 0x455667, 0x78, "tile/10/0000/45/56/67.78"],
  [0x10, 0x123456789a, 7, "tile/10/1234/56/78/9a.07"],
  [0, 2 ** 40, 255, "tile/00/10000/00/00/00.ff"],
])("tile %i/%i of %i hashes is at %s", (level, index, width, path) => {
  expect(tilePathOf({ level, index, width })).toBe(path);
});
