/**
 * Buffers that are used again for bundle after bundle. A new one for each costs the kernel a mapping, a page
 * fault for every 4 KiB and the zeroing of it, and garbage collection runs behind: measured with bundles of
 * 256 KiB, a third of the system time and 50 MB of resident memory.
 */

/** Capacities are multiples of this, so that bundles of slightly different sizes share buffers. */
const STEP = 1 << 15;

/** A larger buffer is rare and is left to garbage collection. */
const MAX_KEPT_BYTES = 1 << 20;

/** Buffers that are kept for the next bundles. */
const MAX_KEPT = 64;

export class BufferPool {
  readonly #free: Buffer[] = [];

  /** A buffer of at least `bytes` bytes, with anything in it. */
  take(bytes: number): Buffer {
    const fit = this.#free.findIndex((buffer) => buffer.length >= bytes);
    if (fit === -1) return Buffer.allocUnsafeSlow(Math.max(1, Math.ceil(bytes / STEP)) * STEP);
    const [buffer] = this.#free.splice(fit, 1);
    return buffer as Buffer;
  }

  /** Takes back what `take` gave. */
  give(buffer: Buffer): void {
    if (buffer.length <= MAX_KEPT_BYTES && this.#free.length < MAX_KEPT) this.#free.push(buffer);
  }
}
