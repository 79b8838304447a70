/** The bulk of a migration: hand out the bundles to worker threads, and seal what is durable. */

import { planUnits, unitBundles } from "./plan.ts";
import type { Run } from "./run.ts";
import { Seals } from "./seals.ts";
import { startWorkers } from "./start-workers.ts";
import type { AuthenticTree } from "./tree.ts";
import type { WorkerTask } from "./worker.ts";

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
