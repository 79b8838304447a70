/** Ends waiting work when a signal fires. */

/** Work that can be ended before its time. */
export interface Abortable {
  abort(reason: unknown): void;
}

/**
 * Shares one listener a signal among all the work that waits under it: thousands of requests run under one
 * signal, and adding and removing a listener for each was measured to cost up to a fifth of the throughput
 * of small objects. Keeps nothing of a signal under which nothing waits.
 */
export class AbortWatch {
  readonly #waiting = new Map<AbortSignal, Waiting>();

  /** Aborts `work` when `signal` fires, which it has not yet, until it is removed. */
  add(signal: AbortSignal, work: Abortable): void {
    let waiting = this.#waiting.get(signal);
    if (waiting === undefined) {
      waiting = new Waiting(signal);
      this.#waiting.set(signal, waiting);
      signal.addEventListener("abort", waiting);
    }
    waiting.add(work);
  }

  remove(signal: AbortSignal, work: Abortable): void {
    const waiting = this.#waiting.get(signal);
    if (waiting === undefined) return;
    waiting.remove(work);
    if (waiting.count > 0) return;
    signal.removeEventListener("abort", waiting);
    this.#waiting.delete(signal);
  }

  /** Settles as `promise` does, or rejects as soon as the signal fires, whatever becomes of `promise`. */
  async until<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (signal === undefined) return promise;
    signal.throwIfAborted();
    const { promise: outcome, resolve, reject } = Promise.withResolvers<T>();
    const work = { abort: reject };
    this.add(signal, work);
    promise.then(resolve, reject);
    try {
      return await outcome;
    } finally {
      this.remove(signal, work);
    }
  }
}

/**
 * What waits under one signal. The slots of a plain array are used over again; a Set, which makes itself new
 * with every few changes, was measured to keep what it once held alive in its discarded tables.
 */
class Waiting implements EventListenerObject {
  readonly #signal: AbortSignal;
  readonly #slots: (Abortable | undefined)[] = [];
  #count = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get count(): number {
    return this.#count;
  }

  add(work: Abortable): void {
    const free = this.#slots.indexOf(undefined);
    if (free === -1) this.#slots.push(work);
    else this.#slots[free] = work;
    this.#count++;
  }

  remove(work: Abortable): void {
    const slot = this.#slots.indexOf(work);
    if (slot === -1) return;
    this.#slots[slot] = undefined;
    this.#count--;
  }

  handleEvent(): void {
    for (const work of [...this.#slots]) work?.abort(this.#signal.reason);
  }
}
