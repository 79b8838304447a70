/** Any bucket with any database, as a target: what every target does. */

import { describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { openTarget } from "../../support/places/open.ts";
import { testTarget } from "../../support/places/target-conformance.ts";

describeWithMariaDb("S3 and MySQL", () => {
  const aws = useAws();

  testTarget(async () => {
    const { bucket, sql } = await aws().newHome();
    return {
      open: () => openTarget(`s3://${bucket}/logs/one`, { mysql: sql.address, mysqlTls: false }),
      hasTreeState: true,
      putByOthers: (path, bytes) => aws().s3.putObject(bucket, `logs/one/${path}`, bytes),
    };
  });
});

describeWithMariaDb("Cloud Storage and MySQL", () => {
  const aws = useAws();
  const emulators = useGcpEmulators();

  testTarget(async () => {
    const [bucket, { address }] = [await emulators().newBucket(), await aws().sql.newDatabase()];
    return {
      open: () => openTarget(`gs://${bucket}/`, { mysql: address, mysqlTls: false }),
      hasTreeState: true,
      putByOthers: (path, bytes) => emulators().putObject(bucket, path, bytes),
    };
  });
});

describeWithMariaDb("S3 and Spanner", () => {
  const aws = useAws();
  const emulators = useGcpEmulators();

  testTarget(async () => {
    const [bucket, database] = [aws().s3.newBucket(), emulators().newDatabase()];
    return {
      open: () => openTarget(`s3://${bucket}/`, { spanner: database }),
      hasTreeState: true,
      putByOthers: (path, bytes) => aws().s3.putObject(bucket, path, bytes),
    };
  });
});
