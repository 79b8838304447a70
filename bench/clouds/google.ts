/** Google's cloud: Cloud Storage and Spanner. */

import { GcpEmulators } from "../../test/support/go/gcp-emulators.ts";
import { migrateGcpFlags } from "../../test/support/go/tessera.ts";
import type { CloudHome, CloudKind } from "./cloud.ts";

export const GOOGLE: CloudKind = {
  names: homeOf("$BUCKET", "$DATABASE", "$STORAGE", "$SPANNER"),
  async start() {
    const emulators = await GcpEmulators.start();
    try {
      const { bucket, database } = await emulators.newHome();
      return {
        homeBehind: (storage) => homeOf(bucket, database, storage, emulators.spannerHost),
        storePort: Number(new URL(emulators.storageUrl).port),
        pids: [emulators.pid],
        stop: () => emulators.stop(),
      };
    } catch (error) {
      await emulators[Symbol.asyncDispose]();
      throw error;
    }
  },
};

function homeOf(bucket: string, database: string, storage: string, spanner: string): CloudHome {
  const env = { STORAGE_EMULATOR_HOST: storage, SPANNER_EMULATOR_HOST: spanner };
  return {
    bucket,
    target: `gs://${bucket}`,
    stateOptions: ["--spanner", database],
    tesseraOptions: migrateGcpFlags({ bucket, database }),
    env,
    logHome: { bucket, database, env: { ...env, METADATA_SERVER_DETECTION: "none" } },
  };
}
