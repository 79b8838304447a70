/** Into S3, with the state in MySQL. */

import { MariaDb } from "../../test/support/go/mariadb.ts";
import { aws, requireMariaDb } from "../clouds/aws.ts";
import { BenchCloud } from "../clouds/cloud.ts";
import { fastestRclone } from "../peers/rclone.ts";
import { eitherGoal, goal } from "../report/goals.ts";
import {
  farTable,
  nearTable,
  type ObjectStore,
  requireGo,
  startUpId,
  storeFigures,
  storeStartUps,
} from "./object-store.ts";
import { startUpGoal } from "./start-up.ts";
import type { Suite } from "./suite.ts";
import { uploadGoals, uploadTables } from "./uploads.ts";

const LEAST_OF_UPLOADS = 0.85;
const LEAST_OF_TESSERA = 4;
const LEAST_OF_NEAR = 0.85;

const STORE: ObjectStore = {
  id: "s3",
  scheme: "s3",
  title: "S3, emulated",
  tessera: "aws",
  emulated:
    "S3 is versitygw over plain http, which keeps objects as files in memory; MySQL is MariaDB. Both are on the same cores, " +
    "and their CPU time is counted with that of the source's server. versitygw is restarted for each run.",
};

export const s3: Suite = {
  name: "s3",
  about:
    "Into S3 and MySQL, emulated here, next to Tessera's own tool and rclone, and with 0, 20 and 50 ms of round trip",
  async run(bench) {
    requireGo();
    requireMariaDb();
    await using sql = await MariaDb.start(null);
    const kind = aws(sql);
    const { s3: profile } = bench.profile;
    const near = await nearTable(bench, STORE, kind, profile, async ({ setting, source }) => [
      await fastestRclone(setting, source, new BenchCloud(kind)),
    ]);
    const far = await farTable(bench, STORE, kind, profile);
    return [near, far, await storeStartUps(bench, STORE, kind), ...(await uploadTables(bench))];
  },
  goals(tables) {
    const { ofTessera, ofUploads, ofNear } = storeFigures(tables, STORE.id);
    const speed = "Speed into S3, emulated here";
    return [
      eitherGoal(
        goal(`${speed}, next to Tessera's`, ofTessera, { atLeast: LEAST_OF_TESSERA }, "×"),
        goal("next to uploads alone", ofUploads, { atLeast: LEAST_OF_UPLOADS }, "%"),
      ),
      goal(`${speed}, at 20 ms compared with 0 ms`, ofNear, { atLeast: LEAST_OF_NEAR }, "%"),
      startUpGoal(tables, startUpId(STORE.id), "Start to the first request for a bundle, into S3"),
      ...uploadGoals(tables),
    ];
  },
};
