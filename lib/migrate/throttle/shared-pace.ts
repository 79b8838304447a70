/**
 * The requests a second that a source allows, where it counts them: what it states, or what it answered before it
 * refused more for so long. Requests go out at that pace then, and not in bursts that end in refusals.
 */

import type { StatedLimit } from "../ports/backend.ts";

/** Words of shared memory that it takes: of 32 bits, and times of 64. */
export const PACE_WORDS = 16;
export const PACE_TIMES = 2;

/** Microseconds from one request to the next, as stated (the slowest) and as kept; requests of the stated limit. */
const [STATED_US, KEPT_US, STATED_REQUESTS] = [0, 1, 2];
/** The same as the last refusal was found to mean. */
const MEASURED_US = 3;
const MAX_REQUESTS = 2 ** 31 - 1;
const NEXT_TURN = 0;
/** Since when the source has refused nothing. */
const RESUMED_AT = 1;

/** A shorter Retry-After says nothing about a rate. */
const MIN_RETRY_AFTER_MS = 5_000;

const AGREEMENT = 0.2;

/** Its clock may differ a little from ours. */
const MARGIN = 1.02;

/** Turns that were missed in so long a time are made up for: who waits does not look at the clock all the time. */
const MAKES_UP_NS = 100_000_000n;

export class SharedPace {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #times: BigInt64Array<SharedArrayBuffer>;
  readonly #longestMs: number;

  /** @param longestMs less than half an hour: from one request to the next, whatever the source says. */
  constructor(
    words: Int32Array<SharedArrayBuffer>,
    times: BigInt64Array<SharedArrayBuffer>,
    longestMs: number,
  ) {
    this.#words = words;
    this.#times = times;
    this.#longestMs = longestMs;
  }

  /** How long so many requests take at least, in seconds; undefined where the source has named no limit. */
  secondsFor(requests: number): number | undefined {
    const [kept, stated] = [this.#word(KEPT_US), this.#word(STATED_US)];
    if (kept !== 0) return (requests * kept) / 1e6;
    return stated === 0 ? undefined : (Math.max(0, requests - this.#word(STATED_REQUESTS)) * stated) / 1e6;
  }

  get isKept(): boolean {
    return this.#word(KEPT_US) !== 0;
  }

  /** The source states a limit. It may allow bursts, so it is not kept before it refuses something. */
  state({ requests, seconds }: StatedLimit): void {
    if (this.#raise(STATED_US, (1e6 * seconds) / requests)) {
      Atomics.store(this.#words, STATED_REQUESTS, Math.min(requests, MAX_REQUESTS));
    }
  }

  /**
   * Learns from a 429 that no other led to.
   * @param successes since the last one. As many as two round trips have: then it is not that too many were in flight.
   */
  refused(now: bigint, retryAfterMs: number, pauseMs: number, successes: number, inFlight: number): void {
    const since = Atomics.load(this.#times, RESUMED_AT);
    const stated = this.#word(STATED_US);
    if (stated !== 0) this.#raise(KEPT_US, stated * MARGIN);
    else if (since !== 0n && retryAfterMs >= MIN_RETRY_AFTER_MS && successes >= 2 * inFlight) {
      const measured = (Number(now - since) / 1e3 + retryAfterMs * 1e3) / successes;
      const before = this.#word(MEASURED_US);
      // Twice the same: a source that has too much to do for once, or counts requests in flight, varies.
      if (Math.abs(measured - before) < AGREEMENT * before) this.#raise(KEPT_US, measured * MARGIN);
      Atomics.store(this.#words, MEASURED_US, Math.min(measured, MAX_REQUESTS));
    }
    Atomics.store(this.#times, RESUMED_AT, now + BigInt(pauseMs) * 1_000_000n);
  }

  /** Takes the next turn, if it has come. */
  takeTurn(now: bigint): boolean {
    const interval = this.#word(KEPT_US);
    if (interval === 0) return true;
    const next = Atomics.load(this.#times, NEXT_TURN);
    if (now < next) return false;
    const from = next > now - MAKES_UP_NS ? next : now;
    const after = from + BigInt(interval) * 1_000n;
    return Atomics.compareExchange(this.#times, NEXT_TURN, next, after) === next;
  }

  /** Never lowers it: what was allowed once may be more than what is. */
  #raise(index: number, microseconds: number): boolean {
    const bounded = Math.ceil(Math.min(microseconds, this.#longestMs * 1e3));
    if (bounded <= this.#word(index)) return false;
    Atomics.store(this.#words, index, bounded);
    return true;
  }

  #word(index: number): number {
    return Atomics.load(this.#words, index);
  }
}
