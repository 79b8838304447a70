/**
 * The share of each process in what the operator allows all workers of a queue together: requests a second, and requests
 * in flight where a number was passed. N machines are then as polite as one.
 */

import type { WorkQueue } from "../ports/work-queue.ts";
import type { CopySession } from "../session.ts";
import { RateLimiter } from "../throttle/rate-limiter.ts";
import { SharedLimit } from "../throttle/shared-limit.ts";

/** How often workers are counted. */
const COUNTED_EVERY_MS = 3_000;

/** While the queue is unavailable, the share stays what it was: those that were counted may be at work. */
export class Share {
  readonly #session: CopySession;
  readonly #queue: Pick<WorkQueue, "workers">;
  #timer: NodeJS.Timeout | undefined;

  private constructor(session: CopySession, queue: Pick<WorkQueue, "workers">) {
    this.#session = session;
    this.#queue = queue;
  }

  /** Takes the share of a process that is about to take jobs, and adapts it as others come and go. */
  static async take(session: CopySession, queue: Pick<WorkQueue, "workers">): Promise<Share> {
    const share = new Share(session, queue);
    await share.#count(1);
    share.#timer = setInterval(() => void share.#count(0), COUNTED_EVERY_MS).unref();
    return share;
  }

  /** @param joining processes that are not counted yet. */
  async #count(joining: number): Promise<void> {
    const { options, readSpec } = this.#session;
    const { requestsPerSecond, concurrency } = options;
    if (requestsPerSecond === undefined && concurrency === undefined) return;
    const workers = await this.#queue.workers().catch(() => undefined);
    if (workers === undefined) return;
    const processes = Math.max(1, workers + joining);
    if (readSpec.rate !== undefined && requestsPerSecond !== undefined) {
      new RateLimiter(readSpec.rate.perSecond, readSpec.rate.shared).perSecond =
        requestsPerSecond / processes;
    }
    if (concurrency !== undefined) {
      new SharedLimit(readSpec.limit).maximum = Math.max(1, Math.floor(concurrency / processes));
    }
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
