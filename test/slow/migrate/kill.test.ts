/** Promise 2 under kill -9, at 20 moments; test/integration has the same at a few. */

import { expect, test } from "vitest";
import { killCopies } from "../../support/killed-copies.ts";
import { testLog } from "../../support/logs/generated-log.ts";

test("killed at any of 20 moments, the same command completes the copy and fetches nothing sealed again", async () => {
  const sealsAtKill = await killCopies(testLog({ size: 4 * 65_536 + 600, entrySize: 4 }), 20);
  // The moments are worth something only if they hit the copy, before its first seal and after.
  expect(sealsAtKill.filter((seals) => seals !== undefined).length).toBeGreaterThanOrEqual(15);
  expect(sealsAtKill).toContain(0);
  expect(sealsAtKill).toContain(1);
});
