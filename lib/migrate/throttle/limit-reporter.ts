/** Reports to the operator what the source asks for, from the main thread. */

import type { SharedLimit } from "./shared-limit.ts";

const LOOK_EVERY_MS = 100;

/** A pause that is worth reporting. */
const LONG_PAUSE_MS = 5_000;

/** It reports again soon of a limit half as large as the last one reported, and of others now and then. */
const REPORT_HALF_MS = 10_000;
const REPORT_AGAIN_MS = 600_000;

export class LimitReporter {
  readonly #shared: SharedLimit;
  readonly #notice: (sentence: string) => void;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #backOffs = 0;
  #reported = Number.POSITIVE_INFINITY;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(shared: SharedLimit, notice: (sentence: string) => void, now = () => performance.now()) {
    this.#shared = shared;
    this.#notice = notice;
    this.#now = now;
  }

  /** Looks at the limit from now on; until `stop`, it keeps the process alive, whose threads may all wait. */
  start(): this {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    return this;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const { backOffs, lastBackOff, limit, maximum } = this.#shared;
    if (backOffs === this.#backOffs) return;
    this.#backOffs = backOffs;
    const now = this.#now();
    const quietMs = 2 * limit <= this.#reported ? REPORT_HALF_MS : REPORT_AGAIN_MS;
    if (now < this.#reportedAt + quietMs) return;
    this.#reported = limit;
    this.#reportedAt = now;
    const { status, pauseMs } = lastBackOff;
    const before = limit < maximum ? ` instead of ${maximum}` : "";
    const pause = pauseMs >= LONG_PAUSE_MS ? `, after a pause of ${Math.round(pauseMs / 1000)} s` : "";
    this.#notice(`The source asks for fewer requests (${status}): ${limit} in flight${before}${pause}`);
  }
}
