/** A mirror of a log that Tessera's Appender adds to, read by Tessera's client while it grows, and refused to Appenders. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { expectMirrored, watchWithTessera } from "../../support/go/mirror.ts";
import { openAsMigrationTarget, takeOver } from "../../support/go/tessera.ts";
import { newTarget } from "../../support/go/tessera-takeover.ts";

describeWithGo("a mirror in a directory", () => {
  it("serves only checkpoints that Tessera's client verifies completely at once, whenever it is killed", async () => {
    const dir = newTarget();
    const path = join(dir, "checkpoint");
    await expectMirrored({
      format: "tiles",
      target: dir,
      watch: ({ vkey }) => watchWithTessera({ dir, vkey }),
      checkpoint: async () => (existsSync(path) ? readFileSync(path, "utf8") : undefined),
    });
    const identity = { dir, origin: "log.example/moving", key: "the log's key" };
    await expect(takeOver(identity)).rejects.toThrow("migration-in-progress");
    await expect(openAsMigrationTarget({ dir })).rejects.toThrow("migration-in-progress");
  });
});
