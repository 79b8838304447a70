/**
 * How often a source signs a larger tree. A log that signs every ten seconds has not stopped because its checkpoint has
 * stayed the same for five.
 */

/** So many gaps are remembered. */
const REMEMBERED = 8;

/** Where a log signs less often, nothing distinguishes a writer that is stopped from one that has nothing to add. */
const MOST_MS = 30_000;

export class SourcePace {
  #grownAt: number | undefined;
  /** Milliseconds between two looks that saw it grow. */
  readonly #gaps: number[] = [];

  /** @param now of `performance.now()`. */
  grew(now = performance.now()): void {
    if (this.#grownAt !== undefined) this.#gaps.push(now - this.#grownAt);
    if (this.#gaps.length > REMEMBERED) this.#gaps.shift();
    this.#grownAt = now;
  }

  /** Milliseconds from now on until its writer, if it were alive, would have signed again: twice the longest gap. */
  quietAfterMs(now = performance.now()): number {
    if (this.#grownAt === undefined) return 0;
    const needed = Math.min(MOST_MS, 2 * Math.max(0, ...this.#gaps));
    return Math.max(0, this.#grownAt + needed - now);
  }
}
