/** A mirror of a Static CT log, read by Sunlight's client while it grows. */

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "vitest";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { expectMirrored, watchWithSunlight } from "../../support/go/mirror.ts";
import { newTarget } from "../../support/go/tessera-takeover.ts";

describeWithGo("a mirror of a Static CT log", () => {
  it("serves only checkpoints that Sunlight's client verifies completely at once, issuers included", async () => {
    const target = newTarget();
    const path = join(target, "checkpoint");
    // Sunlight's client opens the directory once.
    mkdirSync(target);
    await expectMirrored({
      format: "static-ct",
      target,
      watch: ({ publicKey }) => watchWithSunlight(`file://${target}`, publicKey),
      checkpoint: async () => (existsSync(path) ? readFileSync(path, "utf8") : undefined),
    });
  });
});
