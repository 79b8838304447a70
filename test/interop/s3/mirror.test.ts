/** A mirror in a bucket of S3, without a database, read by Tessera's client while it grows. */

import { it } from "vitest";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { expectMirrored, watchWithTessera } from "../../support/go/mirror.ts";
import { useS3Server } from "../../support/go/use-s3-server.ts";

describeWithGo("a mirror in S3", () => {
  const s3 = useS3Server();

  it("serves only checkpoints that Tessera's client verifies completely at once, whenever it is killed", async () => {
    const [bucket, prefix] = [s3().newBucket(), "logs/one"];
    await expectMirrored({
      format: "tiles",
      target: `s3://${bucket}/${prefix}`,
      watch: ({ vkey }) => watchWithTessera({ bucket, prefix, sql: { address: "", dsn: "" }, env: {}, vkey }),
      checkpoint: async () => {
        const found = await s3()
          .object(bucket, `${prefix}/checkpoint`)
          .catch(() => undefined);
        return found?.bytes.toString();
      },
    });
  });
});
