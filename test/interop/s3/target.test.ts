/** A bucket of S3 as a target for mirrors: what every target does. */

import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { useS3Server } from "../../support/go/use-s3-server.ts";
import { openTarget } from "../../support/places/open.ts";
import { testTarget } from "../../support/places/target-conformance.ts";

describeWithGo("S3", () => {
  const s3 = useS3Server();

  for (const prefix of ["", "logs/one/"]) {
    describeWithGo(`a bucket for a mirror, below '${prefix}'`, () => {
      testTarget(async () => {
        const bucket = s3().newBucket();
        return {
          open: () => openTarget(`s3://${bucket}/${prefix}`, { treeState: false }),
          hasTreeState: false,
          putByOthers: (path, bytes) => s3().putObject(bucket, prefix + path, bytes),
        };
      });
    });
  }
});
