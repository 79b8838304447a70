/** Promise 2 under kill -9: whatever the moment, the same command ends the copy, and no seal was in vain. */

import { expect, test } from "vitest";
import { killCopies } from "../../support/killed-copies.ts";
import { testLog } from "../../support/logs/generated-log.ts";

test("killed before its first seal or after, the same command completes the copy and fetches nothing sealed again", async () => {
  const sealsAtKill = await killCopies(testLog({ size: 65_536 + 30_000, entrySize: 4 }), 4);
  expect(sealsAtKill.filter((seals) => seals !== undefined).length).toBeGreaterThanOrEqual(3);
  expect(sealsAtKill).toContain(0);
  expect(sealsAtKill).toContain(1);
});
