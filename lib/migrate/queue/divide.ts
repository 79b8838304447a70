/** A copy whose full level-1 tiles, and what is below them, workers of a queue copy; this process is one of them, if it may. */

import type { Rounds } from "../lifecycle/rounds.ts";
import type { OpenQueue } from "../ports/work-queue.ts";
import type { CopySession } from "../session.ts";
import type { Claim } from "../target/claim.ts";
import { Coordinator } from "./coordinator.ts";
import { ensureQueueId, queueName, removeQueueId } from "./jobs.ts";
import { takeJobs } from "./worker.ts";

/** The reason for which this process takes no more jobs. */
const DONE = Symbol("all jobs are done");

/** Resolves when the target has what workers could copy. Nothing depends on their having done it, or done it right. */
export async function divideWork(
  session: CopySession,
  claim: Claim,
  rounds: Rounds,
  url: string,
  openQueue: OpenQueue,
): Promise<void> {
  const { context, options } = session;
  // One that is handed over half has all of its tiles.
  if (claim.handingOver) return;
  const works = options.workers !== 0;
  await rounds.share();
  if (works) await rounds.beginParts(claim.checkpoint);
  const queue = await openQueue(url, queueName(await ensureQueueId(session)), options.notice ?? (() => {}));
  const done = new AbortController();
  const signal = AbortSignal.any([context.signal, done.signal]);
  try {
    const taking = works ? takeJobs(session, rounds, queue, signal) : Promise.resolve();
    const coordinating = Coordinator.run(session, rounds, queue, signal).finally(() => done.abort(DONE));
    taking.catch((error) => done.abort(error));
    await Promise.all([taking, coordinating]);
  } finally {
    done.abort(DONE);
    await queue.close();
  }
  await removeQueueId(session);
}
