/**
 * A copy whose full level-1 tiles, and what is below them, workers of a queue copy; this process is one of them, if it
 * may. What is left after each round of theirs, this process copies as it would without them.
 */

import { fullTileCount } from "../../tlog/layout.ts";
import type { PartsCopier, Rounds } from "../lifecycle/rounds.ts";
import type { OpenQueue, WorkQueue } from "../ports/work-queue.ts";
import type { CopySession } from "../session.ts";
import type { Claim } from "../target/claim.ts";
import { ensureQueueId, removeQueueId } from "../target/queue-id.ts";
import { Coordinator } from "./coordinator.ts";
import { queueName } from "./jobs.ts";
import { takeJobs } from "./worker.ts";

/** The reason for which this process takes no more jobs. */
const DONE = Symbol("all jobs are done");

/** Full level-1 tiles by which a log must have grown: fewer are copied before workers have heard of them. */
const MIN_GROWTH = 2;

/**
 * Runs a copy, each round of which is divided; with no address, none is.
 * @param url of the queue.
 */
export async function divided<T>(
  session: CopySession,
  claim: Claim,
  rounds: Rounds,
  { url, openQueue }: { readonly url: string | undefined; readonly openQueue: OpenQueue },
  copy: () => Promise<T>,
): Promise<T> {
  if (url === undefined) return await copy();
  const division = new Division(session, claim, url, openQueue);
  rounds.dividedBy(division);
  try {
    return await copy();
  } finally {
    await division.close();
  }
}

class Division implements PartsCopier {
  readonly #session: CopySession;
  readonly #claim: Claim;
  readonly #url: string;
  readonly #openQueue: OpenQueue;
  #queue: WorkQueue | undefined;

  constructor(session: CopySession, claim: Claim, url: string, openQueue: OpenQueue) {
    this.#session = session;
    this.#claim = claim;
    this.#url = url;
    this.#openQueue = openQueue;
  }

  /** Resolves when the target has what workers could copy. Nothing depends on their having done it, or done it right. */
  async copy(rounds: Rounds): Promise<void> {
    const { aim, done } = rounds;
    const growth = fullTileCount(aim.size, 1) - fullTileCount(done, 1);
    // A copy that is handed over half has all of its tiles.
    if (this.#claim.handingOver || (done > 0 && growth < MIN_GROWTH)) return;
    const { options, issuers, guarantees, progress } = this.#session;
    await rounds.share();
    const { checkpoint } = this.#claim;
    const works = options.workers !== 0;
    if (works) await rounds.beginParts(checkpoint.size > aim.size ? checkpoint : aim);
    else progress.startRound(aim.size, done);
    const name = queueName(await ensureQueueId(this.#session));
    this.#queue ??= await this.#openQueue(this.#url, name, options.notice ?? (() => {}));
    await this.#untilDone(rounds, this.#queue, works);
    // A later round recalls nothing by itself.
    if (done > 0) await issuers?.recall(guarantees.allowMissingIssuers, aim.size);
  }

  async #untilDone(rounds: Rounds, queue: WorkQueue, works: boolean): Promise<void> {
    const session = this.#session;
    const done = new AbortController();
    const signal = AbortSignal.any([session.context.signal, done.signal]);
    const taking = works ? takeJobs(session, rounds, queue, signal) : Promise.resolve();
    const coordinating = Coordinator.run(session, rounds, queue, signal).finally(() => done.abort(DONE));
    taking.catch((error) => done.abort(error));
    try {
      await Promise.all([taking, coordinating]);
    } finally {
      done.abort(DONE);
      // The next try must not meet a job of this one.
      await Promise.allSettled([taking, coordinating]);
    }
  }

  async end(): Promise<void> {
    if (this.#claim.handingOver) return;
    await removeQueueId(this.#session);
    // What is left there does no harm.
    await this.#queue?.remove().catch(() => {});
  }

  async close(): Promise<void> {
    await this.#queue?.close();
  }
}
