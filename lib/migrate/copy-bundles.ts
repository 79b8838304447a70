/** The bulk of a migration: hand out the bundles to worker threads, and seal what is durable. */

import { fullTileCount } from "../tlog/layout.ts";
import { planUnits, unitBundles, type WorkUnit } from "./plan.ts";
import { WorkerPool } from "./pool.ts";
import type { Progress } from "./progress.ts";
import type { ReadSpec } from "./read-context.ts";
import type { Parallelism, Run } from "./run.ts";
import { Seals } from "./seals.ts";
import type { AuthenticTree } from "./tree.ts";
import type { WorkerTask } from "./worker.ts";

/** Units beyond what keeps its requests in flight that a worker holds while others become durable. */
const UNITS_BEHIND = 3;

/**
 * Copies every bundle that no seal covers, and writes the seals.
 * @param resume whether objects may be in place already.
 */
export async function copyBundles(run: Run, tree: AuthenticTree, resume: boolean): Promise<void> {
  const { options, parallelism, readSpec, progress, context } = run;
  const seals = new Seals(tree, run.writer(), progress.own);
  const units = planUnits(
    tree,
    unitBundles(tree.size, parallelism.workers),
    (index) => seals.isSealed(index),
    (index, hashes) => seals.open(index, hashes),
  );
  const task: WorkerTask = { kind: "copy", target: options.target, tiles: options.tiles ?? "derive", resume };
  const pool = startWorkers<void>(task, tree.size, parallelism, readSpec, progress);
  try {
    await pool.run(units, (unit) => seals.finished(unit), context.signal);
  } finally {
    await pool.stop();
  }
  await seals.settled();
}

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
