/**
 * What all threads of a run know of their connections to a source. A server, or a firewall in front of it, may allow a
 * client only a few connections, and reset, refuse or ignore further ones. Then connections are scarce: an idle
 * connection prevents another thread from opening one, so it is closed.
 */

import { StrayBudget } from "./stray-budget.ts";

/** Numbers of 32-bit words, and of 64-bit times, of shared memory. */
export const CONNECTION_WORDS = 16;
export const CONNECTION_TIMES = 1;

const SCARCE = 0;
const BUDGET = 1;
/** Open connections that have had an answer. */
const OPEN = 4;
/** The slowest first answer of a new connection; later answers reduce it slowly. */
const [SLOWEST_FIRST_MS, SLOWEST_MS] = [2, 3];
/** How long it took to find out that the last excess connection was not accepted. */
const FOUND_OUT_MS = 5;
/** When there may be one more, where they are scarce: the last one must have had its answer. */
const GROWS_AFTER = 0;

/** Within this time every thread has closed its idle connections after they became scarce. */
const IDLE_CLOSED_NS = 500_000_000n;

/** The first answer of a new connection may take this many times the slowest answer, but at least the following time. */
const SLOWEST_ANSWERS = 4;
const MIN_FIRST_ANSWER_MS = 1_000;

/** With each other answer, the slowest one is reduced by this fraction of itself. */
const FORGOTTEN = 1 / 64;

export class SharedConnections {
  /** New connections that were served pay for one that was not. */
  readonly strays: StrayBudget;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #times: BigInt64Array<SharedArrayBuffer>;

  constructor(words: Int32Array<SharedArrayBuffer>, times: BigInt64Array<SharedArrayBuffer>) {
    this.strays = new StrayBudget(words, BUDGET);
    this.#words = words;
    this.#times = times;
  }

  get areScarce(): boolean {
    return Atomics.load(this.#words, SCARCE) === 1;
  }

  set areScarce(areScarce: boolean) {
    Atomics.store(this.#words, SCARCE, Number(areScarce));
  }

  /** How long a new connection may be without an answer while others have answers. */
  get firstAnswerMs(): number {
    const slowest = Math.max(this.#word(SLOWEST_FIRST_MS), this.#word(SLOWEST_MS));
    return Math.max(MIN_FIRST_ANSWER_MS, SLOWEST_ANSWERS * slowest);
  }

  answered(milliseconds: number): void {
    const slowest = this.#word(SLOWEST_MS);
    const next = Math.max(milliseconds, slowest - slowest * FORGOTTEN);
    if (Math.trunc(next) !== slowest) Atomics.store(this.#words, SLOWEST_MS, Math.trunc(next));
  }

  /** The number of open connections that have had an answer. */
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
    this.strays.earn();
  }

  /** A new one was not taken, so many milliseconds after it was asked for. */
  notTaken(now: bigint, milliseconds: number): void {
    Atomics.store(this.#words, FOUND_OUT_MS, Math.ceil(milliseconds));
    if (this.areScarce) return;
    Atomics.store(this.#times, GROWS_AFTER, now + IDLE_CLOSED_NS);
    this.areScarce = true;
  }

  /** Whether there may be one more, if they are scarce; then there may be no other before that one can be served. */
  mayGrow(now: bigint): boolean {
    if (!this.areScarce) return true;
    if (now < Atomics.load(this.#times, GROWS_AFTER)) return false;
    Atomics.store(this.#times, GROWS_AFTER, now + BigInt(2 * this.#word(FOUND_OUT_MS)) * 1_000_000n);
    return true;
  }

  #word(index: number): number {
    return Atomics.load(this.#words, index);
  }
}
