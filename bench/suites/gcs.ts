/** Into Google's cloud: Cloud Storage and Spanner. */

import { GOOGLE } from "../clouds/google.ts";
import { goal } from "../report/goals.ts";
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

const LEAST_SPEED = 100_000;
const LEAST_OF_UPLOADS = 0.8;
const LEAST_OF_TESSERA = 4;
const LEAST_OF_NEAR = 0.8;

const STORE: ObjectStore = {
  id: "gcs",
  scheme: "gs",
  title: "Google's cloud, emulated",
  tessera: "gcp",
  emulated:
    "Cloud Storage is fake-gcs-server, Spanner is Tessera's test server, both in one process on the same cores; its CPU " +
    "time is counted with that of the source's server. It is restarted for each run.",
};

export const gcs: Suite = {
  name: "gcs",
  about:
    "Into Google's cloud, emulated here, next to Tessera's own tool, and with 0, 20 and 50 ms of round trip",
  async run(bench) {
    requireGo();
    const { gcs: profile } = bench.profile;
    return [
      await nearTable(bench, STORE, GOOGLE, profile),
      await farTable(bench, STORE, GOOGLE, profile),
      await storeStartUps(bench, STORE, GOOGLE),
    ];
  },
  goals(tables) {
    const { mine, ofTessera, ofUploads, ofNear } = storeFigures(tables, STORE.id);
    const speed = "Speed into Google's cloud, emulated here";
    return [
      goal(speed, mine?.entriesPerSecond, { atLeast: LEAST_SPEED }, "entries/s"),
      goal(`${speed}, next to uploads alone`, ofUploads, { atLeast: LEAST_OF_UPLOADS }, "%"),
      goal(`${speed}, next to Tessera's`, ofTessera, { atLeast: LEAST_OF_TESSERA }, "×"),
      goal(`${speed}, at 20 ms compared with 0 ms`, ofNear, { atLeast: LEAST_OF_NEAR }, "%"),
      startUpGoal(
        tables,
        startUpId(STORE.id),
        "Start to the first request for a bundle, into Google's cloud",
      ),
    ];
  },
};
