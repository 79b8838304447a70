/**
 * The rate of requests that a source allows, if it counts them: the rate that it states, or the rate that it answered
 * before it refused more. Requests are then sent at that pace, not in bursts that end in refusals.
 */

import type { StatedLimit } from "../ports/backend.ts";

/** Numbers of 32-bit words, and of 64-bit times, of shared memory. */
export const PACE_WORDS = 16;
export const PACE_TIMES = 2;

/** Microseconds between requests, as stated (the slowest) and as kept; number of requests in the stated limit. */
const [STATED_US, KEPT_US, STATED_REQUESTS] = [0, 1, 2];
/** Microseconds between requests, as measured at the last refusal. */
const MEASURED_US = 3;
const MAX_REQUESTS = 2 ** 31 - 1;
const NEXT_TURN = 0;
/** The time since which the source has refused nothing. */
const RESUMED_AT = 1;

/** A shorter Retry-After says nothing about a rate. */
const MIN_RETRY_AFTER_MS = 5_000;

const AGREEMENT = 0.2;

/** The source's clock may differ a little from ours. */
const MARGIN = 1.02;

/** Turns that were missed within this time are made up for: a waiting thread does not check the clock all the time. */
const MAKES_UP_NS = 100_000_000n;

export class SharedPace {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #times: BigInt64Array<SharedArrayBuffer>;
  readonly #longestMs: number;

  /** @param longestMs the longest accepted time between requests, less than half an hour. */
  constructor(
    words: Int32Array<SharedArrayBuffer>,
    times: BigInt64Array<SharedArrayBuffer>,
    longestMs: number,
  ) {
    this.#words = words;
    this.#times = times;
    this.#longestMs = longestMs;
  }

  /** How long a number of requests takes at least, in seconds; undefined if the source has no known limit. */
  secondsFor(requests: number): number | undefined {
    const [kept, stated] = [this.#word(KEPT_US), this.#word(STATED_US)];
    if (kept !== 0) return (requests * kept) / 1e6;
    return stated === 0 ? undefined : (Math.max(0, requests - this.#word(STATED_REQUESTS)) * stated) / 1e6;
  }

  get isKept(): boolean {
    return this.#word(KEPT_US) !== 0;
  }

  /** Called when the source states a limit. It may allow bursts, so the limit is only kept after a refusal. */
  state({ requests, seconds }: StatedLimit): void {
    if (this.#raise(STATED_US, (1e6 * seconds) / requests)) {
      Atomics.store(this.#words, STATED_REQUESTS, Math.min(requests, MAX_REQUESTS));
    }
  }

  /**
   * Learns from a 429 that is not a consequence of another one.
   * @param successes since the last 429. If there are more than in two round trips, the cause is not the number in flight.
   */
  refused(now: bigint, retryAfterMs: number, pauseMs: number, successes: number, inFlight: number): void {
    const since = Atomics.load(this.#times, RESUMED_AT);
    const stated = this.#word(STATED_US);
    if (stated !== 0) this.#raise(KEPT_US, stated * MARGIN);
    else if (since !== 0n && retryAfterMs >= MIN_RETRY_AFTER_MS && successes >= 2 * inFlight) {
      const measured = (Number(now - since) / 1e3 + retryAfterMs * 1e3) / successes;
      const before = this.#word(MEASURED_US);
      // The same rate twice: a source that is busy for a moment, or limits requests in flight, gives varying rates.
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

  /** Never shortens the time: what the source allowed once may be more than it allows now. */
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
