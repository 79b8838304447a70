/**
 * A limit on requests a second that all threads of a run share (a share for each would leave some idle while others
 * wait): a generic cell rate algorithm whose state, the time of the next free slot and the time between two slots, is
 * two words of shared memory.
 */

import { pause } from "./pause.ts";

/** Requests that may start at once after a pause: as many as in a tenth of a second. */
const BURST_NS = 100_000_000n;

/** Bytes of shared memory for one rate. */
export const RATE_BYTES = 16;

const [NEXT_SLOT, INTERVAL] = [0, 1];

export class RateLimiter {
  readonly #words: BigInt64Array<SharedArrayBuffer>;

  /**
   * @param perSecond the rate, unless an instance with the same memory has set one.
   * @param shared memory that instances in all threads share to keep one rate.
   */
  constructor(perSecond: number, shared = new SharedArrayBuffer(RATE_BYTES)) {
    this.#words = new BigInt64Array(shared);
    Atomics.compareExchange(this.#words, INTERVAL, 0n, intervalOf(perSecond));
  }

  /** The rate of all instances that share it, from the next request on. */
  set perSecond(rate: number) {
    Atomics.store(this.#words, INTERVAL, intervalOf(rate));
  }

  /** Takes the next free slot and waits for it. @throws the signal's reason. */
  async admit(signal?: AbortSignal): Promise<void> {
    const wait = this.#takeSlot() - process.hrtime.bigint();
    if (wait > 0n) await pause(Number(wait / 1_000_000n) + 1, signal);
  }

  #takeSlot(): bigint {
    for (;;) {
      const free = Atomics.load(this.#words, NEXT_SLOT);
      const earliest = process.hrtime.bigint() - BURST_NS;
      const slot = free > earliest ? free : earliest;
      const next = slot + Atomics.load(this.#words, INTERVAL);
      if (Atomics.compareExchange(this.#words, NEXT_SLOT, free, next) === free) return slot;
    }
  }
}

/** Nanoseconds between two requests. */
function intervalOf(perSecond: number): bigint {
  return BigInt(Math.max(1, Math.round(1e9 / perSecond)));
}
