/**
 * The share of each process in what the operator allows all workers of a queue together: requests a second, and requests
 * in flight where a number was passed; and the pauses that the source asks one of them for, which all keep. N machines
 * are then as polite as one.
 */

import type { WorkQueue } from "../ports/work-queue.ts";
import type { CopySession } from "../session.ts";
import { RateLimiter } from "../throttle/rate-limiter.ts";
import { SharedLimit } from "../throttle/shared-limit.ts";

/** How often pauses are shared; shorter ones are over before others hear of them. */
const LOOK_MS = 1_000;

/** How often workers are counted. */
const COUNTED_EVERY_MS = 3_000;

/** As many as there may be, as long as nobody has counted them. */
const UNCOUNTED = 16;

/** What is asked of a queue. */
export type SharedBy = Pick<WorkQueue, "workers" | "holdBack" | "heldBackFor">;

export class Share {
  readonly #session: CopySession;
  readonly #queue: SharedBy;
  readonly #limit: SharedLimit;
  readonly #timers: NodeJS.Timeout[] = [];
  #counted: number | undefined;
  /** Refusals that others know of, or that were theirs. */
  #shared = 0;

  private constructor(session: CopySession, queue: SharedBy) {
    this.#session = session;
    this.#queue = queue;
    this.#limit = new SharedLimit(session.readSpec.limit);
    this.#shared = this.#limit.backOffs;
  }

  /** Takes the share of a process that is about to take jobs, and adapts it as others come and go. */
  static async take(session: CopySession, queue: SharedBy): Promise<Share> {
    const share = new Share(session, queue);
    await Promise.all([share.#count(1), share.#sharePauses()]);
    share.#timers.push(
      setInterval(() => void share.#count(0), COUNTED_EVERY_MS).unref(),
      setInterval(() => void share.#sharePauses(), LOOK_MS).unref(),
    );
    return share;
  }

  /** @param joining processes that are not counted yet. */
  async #count(joining: number): Promise<void> {
    const { options, readSpec } = this.#session;
    const { requestsPerSecond, concurrency } = options;
    if (requestsPerSecond === undefined && concurrency === undefined) return;
    const processes = this.#processes(await this.#queue.workers().catch(() => undefined), joining);
    if (readSpec.rate !== undefined && requestsPerSecond !== undefined) {
      new RateLimiter(readSpec.rate.perSecond, readSpec.rate.shared).perSecond =
        requestsPerSecond / processes;
    }
    if (concurrency !== undefined) {
      this.#limit.maximum = Math.max(1, Math.floor(concurrency / processes));
    }
  }

  /**
   * How many processes share, this one included.
   * @param found undefined while the queue is unavailable.
   */
  #processes(found: number | undefined, joining: number): number {
    if (found !== undefined) this.#counted = found + joining;
    // Some servers of clouds list no clients: not even this process.
    if (!this.#counted) return UNCOUNTED;
    // As many may have joined since it was available.
    return found === undefined ? 2 * this.#counted : this.#counted;
  }

  /** Passes on a pause that the source asks this process for, and keeps one that it asks others for. */
  async #sharePauses(): Promise<void> {
    const limit = this.#limit;
    try {
      const ownMs = limit.pause?.leftMs ?? 0;
      if (limit.backOffs !== this.#shared && ownMs >= LOOK_MS) await this.#queue.holdBack(ownMs);
      this.#shared = limit.backOffs;
      const askedMs = await this.#queue.heldBackFor();
      if (askedMs < LOOK_MS || askedMs <= (limit.pause?.leftMs ?? 0)) return;
      limit.refuse(429, 0, askedMs);
      this.#shared = limit.backOffs;
    } catch {
      // The queue is unavailable: each keeps the pauses that the source asks it for.
    }
  }

  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }
}
