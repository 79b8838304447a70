/** How many threads work on a tree, and how much each has in hand. */

import { fullTileCount } from "../../tlog/layout.ts";
import type { Progress } from "../progress.ts";
import type { ReadSpec } from "../read/context.ts";
import type { Parallelism } from "../session.ts";
import { unitBundles, type WorkUnit } from "../tree/units.ts";
import { WorkerPool } from "./threads.ts";
import type { WorkerTask } from "./worker.ts";

/** Units beyond what keeps its requests in flight that a worker holds while others become durable. */
const UNITS_BEHIND = 3;

/** Threads for a tree: no more than it has units for, or than may have a bundle in flight. */
export function startWorkers<Result>(
  task: WorkerTask,
  size: number,
  { workers, concurrency, budgetBytes }: Parallelism,
  readSpec: ReadSpec,
  progress: Progress,
): WorkerPool<WorkUnit, Result> {
  const bundlesAUnit = unitBundles(size, workers);
  const units = Math.ceil((fullTileCount(size, 0) + 1) / bundlesAUnit);
  const threads = Math.max(1, Math.min(workers, units, concurrency));
  const concurrencyAThread = Math.max(1, Math.floor(concurrency / threads));
  return new WorkerPool(
    threads,
    Math.ceil(concurrencyAThread / bundlesAUnit) + UNITS_BEHIND,
    { ...readSpec, concurrency: concurrencyAThread, budgetBytes: budgetBytes / threads, task },
    progress.threads,
  );
}
