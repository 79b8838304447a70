/**
 * A limit on requests a second that all threads of a run share (a share for each would leave some idle while others
 * wait): a generic cell rate algorithm whose state, the time of the next free slot, is one word of shared memory.
 */

import { pause } from "./pause.ts";

/** Requests that may start at once after a pause: as many as in a tenth of a second. */
const BURST_NS = 100_000_000n;

export class RateLimiter {
  readonly #nextSlot: BigInt64Array<SharedArrayBuffer>;
  readonly #interval: bigint;

  /** @param shared 8 bytes that instances in all threads share to keep one rate. */
  constructor(perSecond: number, shared = new SharedArrayBuffer(8)) {
    this.#nextSlot = new BigInt64Array(shared);
    this.#interval = BigInt(Math.max(1, Math.round(1e9 / perSecond)));
  }

  /** Takes the next free slot and waits for it. @throws the signal's reason. */
  async admit(signal?: AbortSignal): Promise<void> {
    const wait = this.#takeSlot() - process.hrtime.bigint();
    if (wait > 0n) await pause(Number(wait / 1_000_000n) + 1, signal);
  }

  #takeSlot(): bigint {
    for (;;) {
      const free = Atomics.load(this.#nextSlot, 0);
      const earliest = process.hrtime.bigint() - BURST_NS;
      const slot = free > earliest ? free : earliest;
      if (Atomics.compareExchange(this.#nextSlot, 0, free, slot + this.#interval) === free) return slot;
    }
  }
}
