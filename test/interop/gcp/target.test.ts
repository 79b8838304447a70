/** A bucket as a target: what every target does, with and without a database. */

import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { openTarget } from "../../support/places/open.ts";
import { testTarget } from "../../support/places/target-conformance.ts";

const emulators = useGcpEmulators();

for (const [name, prefix, hasTreeState] of [
  ["a bucket and a database", "", true],
  ["a part of a bucket and a database", "logs/one/", true],
  ["a bucket for a mirror", "mirror/", false],
] as const) {
  describeWithGo(name, () => {
    testTarget(async () => {
      const { bucket, database } = await emulators().newHome();
      const state = hasTreeState ? { spanner: database } : { treeState: false };
      return {
        open: () => openTarget(`gs://${bucket}/${prefix}`, state),
        hasTreeState,
        putByOthers: (path, bytes) => emulators().putObject(bucket, prefix + path, bytes),
      };
    });
  });
}
