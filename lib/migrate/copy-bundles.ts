/** The bulk of a migration: hand out the bundles to workers, and seal what is durable. */

import { startThreads } from "./execute/threads.ts";
import type { Executor } from "./ports/executor.ts";
import type { CopySession } from "./session.ts";
import { requireSameGuarantees } from "./target/seal-guarantees.ts";
import { Seals } from "./target/seals.ts";
import type { HashTree } from "./tree/hash-tree.ts";
import { planUnits, unitBundles } from "./tree/units.ts";

/**
 * Starts the threads that are to copy a tree of this size. They take as long to start as it takes to
 * authenticate the tree, so that both can be done at once. The caller closes them.
 * @param resume whether objects may be in place already.
 */
export function startCopyWorkers(session: CopySession, size: number, resume: boolean): Executor {
  const { options, parallelism, readSpec, progress, targetSpec: target, guarantees, issuers } = session;
  const { deep, allowMissingIssuers } = guarantees;
  const extraData = { deep, allowMissingIssuers, missingIssuers: issuers?.missing() ?? [] };
  const spec = { ...readSpec, ...extraData, target, copy: { tiles: options.tiles ?? "derive", resume } };
  return startThreads(spec, size, parallelism, progress.threads);
}

/** Copies every bundle that no seal covers, and writes the seals. */
export async function copyBundles(session: CopySession, tree: HashTree, workers: Executor): Promise<void> {
  const { parallelism, progress, context, issuers } = session;
  const seals = new Seals(tree, session.writer(), progress.own, () => prepareSeal(session));
  const units = planUnits(
    tree,
    unitBundles(tree.head.size, parallelism.workers),
    (index) => seals.isSealed(index),
    (index, hashes) => seals.open(index, hashes),
  );
  for await (const [unit, result] of workers.run(units, context.signal)) {
    issuers?.add(result);
    seals.finished(unit);
  }
  await seals.settled();
  await issuers?.store();
}

/** What must be so before a seal is written, besides what is below it. */
async function prepareSeal({ target, guarantees, issuers }: CopySession): Promise<void> {
  if (issuers === undefined) return;
  await issuers.store();
  await requireSameGuarantees(target, guarantees);
}
