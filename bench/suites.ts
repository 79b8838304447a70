/** The suites of the benchmark, in the order in which they run. */

import { type Goal, goalWithin } from "./goals.ts";
import { memoryGoals } from "./memory-goal.ts";
import type { SuiteReport } from "./report.ts";
import type { Suite } from "./suite.ts";
import { disk } from "./suites/disk.ts";
import { distance } from "./suites/distance.ts";
import { peers } from "./suites/peers.ts";
import { scale } from "./suites/scale.ts";
import { stages } from "./suites/stages.ts";
import { startUp } from "./suites/start-up.ts";

export const SUITES: readonly Suite[] = [peers, stages, startUp, disk, distance, scale];

/** The goals that these reports say something about, in the order of the suites; then what all copies needed. */
export function goalsOf(reports: readonly SuiteReport[]): Goal[] {
  const bySuite = SUITES.flatMap((suite) => {
    const report = reports.find(({ name }) => name === suite.name);
    if (report === undefined) return [];
    return suite.goals(report.tables).map((goal) => goalWithin(report.extent, goal));
  });
  return [...bySuite, ...memoryGoals(reports)];
}
