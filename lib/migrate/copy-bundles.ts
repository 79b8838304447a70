/** The bulk of a migration: hand out the bundles to worker threads, and seal what is durable. */

import { startWorkers } from "./execute/start-workers.ts";
import type { WorkerPool } from "./execute/threads.ts";
import type { CopySession } from "./session.ts";
import { requireMeaning } from "./target/seal-guarantees.ts";
import { Seals } from "./target/seals.ts";
import type { HashTree } from "./tree/hash-tree.ts";
import { planUnits, unitBundles, type WorkUnit } from "./tree/units.ts";

/** The threads that copy a tree; whoever starts them stops them. */
export type CopyWorkers = WorkerPool<WorkUnit, void>;

/**
 * Starts the threads that are to copy a tree of this size. They take as long to start as it takes to
 * authenticate the tree, so that both can be done at once.
 * @param resume whether objects may be in place already.
 */
export function startCopyWorkers(session: CopySession, size: number, resume: boolean): CopyWorkers {
  const { options, parallelism, readSpec, progress, targetSpec: target } = session;
  const { tiles = "derive" } = options;
  const { deep, allowMissingIssuers } = session.meaning;
  const task = { kind: "copy", target, tiles, resume, deep, allowMissingIssuers } as const;
  const workers: CopyWorkers = startWorkers(task, size, parallelism, readSpec, progress);
  const { issuers } = session;
  if (issuers !== undefined) workers.onQuestion = (question) => issuers.account(question);
  return workers;
}

/** Copies every bundle that no seal covers, and writes the seals. */
export async function copyBundles(session: CopySession, tree: HashTree, workers: CopyWorkers): Promise<void> {
  const { parallelism, progress, context } = session;
  const seals = new Seals(tree, session.writer(), progress.own, () => prepareSeal(session));
  const units = planUnits(
    tree,
    unitBundles(tree.head.size, parallelism.workers),
    (index) => seals.isSealed(index),
    (index, hashes) => seals.open(index, hashes),
  );
  await workers.run(units, (unit) => seals.finished(unit), context.signal);
  await seals.settled();
  await session.issuers?.store();
}

/** What must be so before a seal is written, beside what is below it. */
async function prepareSeal({ target, meaning, issuers }: CopySession): Promise<void> {
  if (issuers === undefined) return;
  await issuers.store();
  await requireMeaning(target, meaning);
}
