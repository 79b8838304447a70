/** The suites of the benchmark, in the order in which they run. */

import { type Goal, goalWithin } from "./goals.ts";
import { memoryGoals } from "./memory-goal.ts";
import type { SuiteReport } from "./report.ts";
import type { Suite } from "./suite.ts";
import { disk } from "./suites/disk.ts";
import { distance } from "./suites/distance.ts";
import { gcs } from "./suites/gcs.ts";
import { peers } from "./suites/peers.ts";
import { scale } from "./suites/scale.ts";
import { stages } from "./suites/stages.ts";
import { startUp } from "./suites/start-up.ts";

export const SUITES: readonly Suite[] = [peers, stages, startUp, disk, distance, scale, gcs];

/** The suites that copy into one kind of place. */
export const SUITES_INTO: Readonly<Record<"directory" | "gcs", readonly string[]>> = {
  directory: SUITES.filter((suite) => suite !== gcs).map(({ name }) => name),
  gcs: [gcs.name],
};

/** The goals that these reports say something about, in the order of the suites; then what all copies needed. */
export function goalsOf(reports: readonly SuiteReport[]): Goal[] {
  const bySuite = SUITES.flatMap((suite) => {
    const report = reports.find(({ name }) => name === suite.name);
    if (report === undefined) return [];
    return suite.goals(report.tables).map((goal) => goalWithin(report.extent, goal));
  });
  return [...bySuite, ...memoryGoals(reports)];
}
