/**
 * What all threads of a run know of their connections to a source. A server, or a firewall before it, may have only so
 * many for a client, and resets, refuses or leaves unanswered what is beyond. Then connections are scarce: one that
 * carries nothing keeps another thread from having one, and is closed.
 */

/** Words of shared memory that it takes, of 32 bits. */
export const CONNECTION_WORDS = 16;

const SCARCE = 0;
const BUDGET = 1;
/** Connections that are open and were served. */
const OPEN = 4;
/** The slowest first answer of a new connection, and of all answers by and by. */
const [SLOWEST_FIRST_MS, SLOWEST_MS] = [2, 3];

/** As for refusals (shared-limit.ts): new connections that were served pay for one that was not. */
const STRAY_PRICE = 9;
const MAX_BUDGET = 12 * STRAY_PRICE;

/** A new connection has as many times the slowest answer for its first, and no less than this. */
const PATIENCE = 4;
const MIN_FIRST_ANSWER_MS = 1_000;

/** By so much of itself the slowest answer is forgotten with each other one. */
const FORGOTTEN = 1 / 64;

export class SharedConnections {
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(words: Int32Array<SharedArrayBuffer>) {
    this.#words = words;
  }

  get areScarce(): boolean {
    return Atomics.load(this.#words, SCARCE) === 1;
  }

  set areScarce(areScarce: boolean) {
    Atomics.store(this.#words, SCARCE, Number(areScarce));
  }

  /** How long a new connection may go without an answer while others have some. */
  get firstAnswerMs(): number {
    const slowest = Math.max(this.#word(SLOWEST_FIRST_MS), this.#word(SLOWEST_MS));
    return Math.max(MIN_FIRST_ANSWER_MS, PATIENCE * slowest);
  }

  answered(milliseconds: number): void {
    const slowest = this.#word(SLOWEST_MS);
    const next = Math.max(milliseconds, slowest - slowest * FORGOTTEN);
    if (Math.trunc(next) !== slowest) Atomics.store(this.#words, SLOWEST_MS, Math.trunc(next));
  }

  /** How many are open and were served. */
  get open(): number {
    return this.#word(OPEN);
  }

  disconnected(): void {
    Atomics.sub(this.#words, OPEN, 1);
  }

  connected(milliseconds: number): void {
    Atomics.add(this.#words, OPEN, 1);
    if (milliseconds > this.#word(SLOWEST_FIRST_MS))
      Atomics.store(this.#words, SLOWEST_FIRST_MS, Math.ceil(milliseconds));
    if (this.#word(BUDGET) < MAX_BUDGET) Atomics.add(this.#words, BUDGET, 1);
  }

  /** Whether new connections that were served pay for one that was not. */
  payForStray(): boolean {
    for (let budget = this.#word(BUDGET); budget >= STRAY_PRICE; budget = this.#word(BUDGET)) {
      if (Atomics.compareExchange(this.#words, BUDGET, budget, budget - STRAY_PRICE) === budget) return true;
    }
    return false;
  }

  #word(index: number): number {
    return Atomics.load(this.#words, index);
  }
}
