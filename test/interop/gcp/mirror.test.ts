/** A mirror in a bucket of Cloud Storage, without a database, read by Tessera's client while it grows. */

import { it } from "vitest";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { expectMirrored, watchWithTessera } from "../../support/go/mirror.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";

describeWithGo("a mirror in Cloud Storage", () => {
  const emulators = useGcpEmulators();

  it("serves only checkpoints that Tessera's client verifies completely at once, whenever it is killed", async () => {
    const bucket = await emulators().newBucket();
    await expectMirrored({
      format: "tiles",
      target: `gs://${bucket}`,
      watch: ({ vkey }) => watchWithTessera({ bucket, database: "", env: emulators().env, vkey }),
      checkpoint: async () => {
        const found = await emulators().objects(bucket, "checkpoint");
        return found.get("checkpoint")?.bytes.toString();
      },
    });
  });
});
