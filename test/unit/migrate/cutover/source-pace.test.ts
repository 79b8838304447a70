/** How long a source must have been quiet, by how often it has signed before. */

import { expect, test } from "vitest";
import { SourcePace } from "../../../../lib/migrate/cutover/source-pace.ts";

test("twice the longest gap between two growths, counted from the last one", () => {
  const pace = new SourcePace();
  expect(pace.quietAfterMs(5_000)).toBe(0);
  pace.grew(1_000);
  expect(pace.quietAfterMs(1_000)).toBe(0);
  for (const now of [2_000, 12_000, 13_000]) pace.grew(now);
  expect(pace.quietAfterMs(13_000)).toBe(20_000);
  expect(pace.quietAfterMs(30_000)).toBe(3_000);
  expect(pace.quietAfterMs(40_000)).toBe(0);
});

test("at most 30 seconds, and gaps of long ago count no more", () => {
  const pace = new SourcePace();
  pace.grew(0);
  pace.grew(3_600_000);
  expect(pace.quietAfterMs(3_600_000)).toBe(30_000);
  for (let i = 1; i <= 8; i++) pace.grew(3_600_000 + i * 100);
  expect(pace.quietAfterMs(3_600_800)).toBe(200);
});
