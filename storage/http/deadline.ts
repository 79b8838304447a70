/** How long a server may take. */

/** A limit of time on another's work, which does not run while we hold that work up. */
export class Deadline {
  #endsAt = Number.POSITIVE_INFINITY;
  /** Since when the time stands still. */
  #heldAt: number | undefined;

  /** Gives `milliseconds` from now on; before, and without it, there is no limit. */
  start(milliseconds: number): void {
    this.#endsAt = performance.now() + milliseconds;
  }

  hold(): void {
    this.#heldAt ??= performance.now();
  }

  release(): void {
    if (this.#heldAt === undefined) return;
    this.#endsAt += performance.now() - this.#heldAt;
    this.#heldAt = undefined;
  }

  get passed(): boolean {
    return this.#heldAt === undefined && performance.now() > this.#endsAt;
  }
}
