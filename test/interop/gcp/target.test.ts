/** A bucket as a target: what every target does, with and without a database. */

import { openTarget } from "../../../storage/backends.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { FAST_RETRY } from "../../support/migration.ts";
import { testTarget } from "../../support/places/target-conformance.ts";

const emulators = useGcpEmulators();
const access = { connections: 4, patience: FAST_RETRY, userAgentVersion: "test" };

for (const [name, prefix, hasTreeState] of [
  ["a bucket and a database", "", true],
  ["a part of a bucket and a database", "logs/one/", true],
  ["a bucket for a mirror", "mirror/", false],
] as const) {
  describeWithGo(name, () => {
    testTarget(async () => {
      const { bucket, database } = await emulators().newHome();
      const state = hasTreeState ? { spanner: { database } } : { treeState: false };
      return {
        open: () => openTarget(`gs://${bucket}/${prefix}`, { ...access, ...state }),
        hasTreeState,
        putByOthers: (path, bytes) => emulators().putObject(bucket, prefix + path, bytes),
      };
    });
  });
}
