/** The suites of the benchmark, in the order in which they run. */

import { besideGoals, type Goal, judgedBy, memoryGoals } from "../report/goals.ts";
import type { SuiteReport } from "../report/report.ts";
import { disk } from "./disk.ts";
import { distance } from "./distance.ts";
import { gcs } from "./gcs.ts";
import { live } from "./live.ts";
import { peers } from "./peers.ts";
import { plan } from "./plan.ts";
import { s3 } from "./s3.ts";
import { scale } from "./scale.ts";
import { scaleOut } from "./scale-out.ts";
import { startUp } from "./start-up.ts";
import type { Suite } from "./suite.ts";
import { tls } from "./tls.ts";

export const SUITES: readonly Suite[] = [
  peers,
  tls,
  startUp,
  disk,
  distance,
  scale,
  scaleOut,
  gcs,
  s3,
  live,
  plan,
];

/** The goals that these reports say something about, in the order of the suites; then what all copies needed. */
export function goalsOf(reports: readonly SuiteReport[]): Goal[] {
  const bySuite = SUITES.flatMap((suite) => {
    const report = reports.find(({ name }) => name === suite.name);
    if (report === undefined) return [];
    const goals = [...suite.goals(report.tables), ...besideGoals(report.tables)];
    return goals.map((goal) => judgedBy(report, goal));
  });
  return [...bySuite, ...memoryGoals(reports)];
}
