/**
 * The limit on requests in flight that all threads of a run share, and how it follows the capacity of the source:
 * additive increase, multiplicative decrease, as in TCP's congestion control (RFC 5681).
 *
 * It starts small and doubles with every round trip. A refusal halves it and stops all threads for a pause, once for
 * all requests that were under way together (RFC 6582 section 3.2). Then it grows by one a round trip. A refusal costs
 * a pause, maybe a long one: so the size that was refused is remembered, as in CUBIC (RFC 9438), and only tried again
 * after twenty times the pause.
 *
 * 429 says that this client asks too much (RFC 6585 section 4). 503 may also be a stray; one that successes do not pay
 * for is a refusal.
 */

import type { RetryPolicy } from "./backoff.ts";
import { CONNECTION_TIMES, CONNECTION_WORDS, SharedConnections } from "./shared-connections.ts";
import { PACE_TIMES, PACE_WORDS, SharedPace } from "./shared-pace.ts";
import { FIRST_STRAY_BUDGET, StrayBudget } from "./stray-budget.ts";

export interface LimitOptions extends Pick<RetryPolicy, "minDelayMs" | "maxRetryAfterMs"> {
  /** Most requests in flight in all threads. At the maximum no request waits: the number of connections is a bound too. */
  readonly maximum: number;
  /** The limit at the beginning. */
  readonly start: number;
}

/** Plain data with which threads share a limit. */
export interface LimitShare extends LimitOptions {
  readonly shared: SharedArrayBuffer;
}

// Indexes of 32-bit words. The words that every request writes have their own cache line of 64 bytes.
const TICKETS = 0;
const PASSED = 16;
const LIMIT = 32;
/** The last refused size. */
const CEILING = 33;
/** The pause after a refusal that asks for no pause, or for a shorter one. */
const SHORT_PAUSE_MS = 34;
const [BACK_OFFS, LAST_STATUS, LAST_PAUSE_MS] = [35, 36, 37];
const MAXIMUM = 38;
/** Successes since the limit was halved. */
const SUCCESSES = 48;
const STRAY_BUDGET = 49;
/** Consecutive successes since the limit last grew. */
const CREDIT = 50;
const CONNECTIONS = 64;

// Indexes of 64-bit words after them: times of process.hrtime.
const PACE = CONNECTIONS + CONNECTION_WORDS;
const TIMES_BYTE = 4 * (PACE + PACE_WORDS);
const PAUSED_UNTIL = 0;
const CALM_UNTIL = 1;
const OF_CONNECTIONS = 2;
const OF_PACE = OF_CONNECTIONS + CONNECTION_TIMES;
const TIMES = OF_PACE + PACE_TIMES;

/** The ceiling before the first refusal: the limit doubles. */
const SLOW_START = 2 ** 31 - 1;
/** The ceiling of a source that has only refused. */
const UNKNOWN = SLOW_START - 1;

/** For how many pauses a refusal keeps the limit below the refused size. */
const CALM_PAUSES = 20;
/** The same for a stray at a size that was refused before. */
const CALM_AFTER_STRAY_MS = 1_000;

/** A limit of one request cannot shrink: instead its short pause doubles, up to this many times the shortest. */
const MAX_PAUSE_GROWTH = 8;
/** Successes after which the short pause is the shortest again. */
const PAUSE_RESET_SUCCESSES = 16;

export function newSharedLimit(options: LimitOptions): LimitShare {
  const shared = new SharedArrayBuffer(TIMES_BYTE + TIMES * BigInt64Array.BYTES_PER_ELEMENT);
  const words = new Int32Array(shared);
  words[LIMIT] = options.start;
  words[MAXIMUM] = options.maximum;
  words[CEILING] = SLOW_START;
  words[SHORT_PAUSE_MS] = options.minDelayMs;
  words[STRAY_BUDGET] = FIRST_STRAY_BUDGET;
  return { ...options, shared };
}

export class SharedLimit {
  readonly connections: SharedConnections;
  readonly pace: SharedPace;
  readonly #strays: StrayBudget;
  readonly #options: LimitOptions;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #times: BigInt64Array<SharedArrayBuffer>;
  readonly #now: () => bigint;

  /** @param now a clock that all threads share, in nanoseconds. */
  constructor(share: LimitShare, now: () => bigint = process.hrtime.bigint) {
    this.#options = share;
    const words = new Int32Array(share.shared);
    const times = new BigInt64Array(share.shared, TIMES_BYTE);
    this.#words = words;
    this.#times = times;
    this.#strays = new StrayBudget(words, STRAY_BUDGET);
    this.pace = new SharedPace(words.subarray(PACE), times.subarray(OF_PACE), share.maxRetryAfterMs);
    this.connections = new SharedConnections(words.subarray(CONNECTIONS), times.subarray(OF_CONNECTIONS));
    this.#now = now;
  }

  /** Most requests in flight in all threads. */
  get maximum(): number {
    return this.#word(MAXIMUM);
  }

  /** For all instances that share it, from the next request on. */
  set maximum(requests: number) {
    Atomics.store(this.#words, MAXIMUM, requests);
    const limit = this.limit;
    // Where another thread has changed it meanwhile, the next to succeed or refuse goes by the maximum.
    if (limit > requests) Atomics.compareExchange(this.#words, LIMIT, limit, requests);
  }

  /** Requests that may be in flight now. */
  get limit(): number {
    return this.#word(LIMIT);
  }

  get isPaused(): boolean {
    const until = Atomics.load(this.#times, PAUSED_UNTIL);
    return until !== 0n && until > this.#now();
  }

  /** Whether a request may have to wait although fewer are in flight than the limit. */
  get holdsBack(): boolean {
    return this.pace.isKept || this.isPaused;
  }

  /** See `SharedPace`. */
  secondsFor(requests: number): number | undefined {
    return this.pace.secondsFor(requests);
  }

  /** The wait that the source asks for, while it lasts. */
  get pause(): { readonly status: number; readonly leftMs: number } | undefined {
    const left = Atomics.load(this.#times, PAUSED_UNTIL) - this.#now();
    return left > 0n ? { status: this.#word(LAST_STATUS), leftMs: Number(left / 1_000_000n) } : undefined;
  }

  /** How often the limit was halved. */
  get backOffs(): number {
    return this.#word(BACK_OFFS);
  }

  /** The reason for which the limit was last halved. */
  get lastBackOff(): { readonly status: number; readonly pauseMs: number } {
    return { status: this.#word(LAST_STATUS), pauseMs: this.#word(LAST_PAUSE_MS) };
  }

  /** A ticket for one request, which starts in its turn. Every ticket must be passed at some time. */
  draw(): number {
    return Atomics.add(this.#words, TICKETS, 1);
  }

  /** Whether the request with this ticket may start now; if so it must start, if the source counts requests. */
  isTurn(ticket: number): boolean {
    // The counters overflow after 2^32 requests; their difference does not.
    const holdsNothingBack = this.limit >= this.#options.maximum && !this.connections.areScarce;
    const isWithin = holdsNothingBack || ((ticket - this.passed) | 0) < this.limit;
    return isWithin && !this.isPaused && (!this.pace.isKept || this.pace.takeTurn(this.#now()));
  }

  /** Called when a request is finished, or will not start: another one may start. */
  pass(): void {
    Atomics.add(this.#words, PASSED, 1);
    Atomics.notify(this.#words, PASSED);
  }

  /** Number of finished requests, modulo 2^32. */
  get passed(): number {
    return this.#word(PASSED);
  }

  /** Requests in flight, and one more for each thread in which one waits. */
  get load(): number {
    return (this.#word(TICKETS) - this.passed) | 0;
  }

  /** Resolves when `passed` differs from this number, the limit grows, or the time is over. */
  async sleep(passed: number, milliseconds: number): Promise<void> {
    const { async, value } = Atomics.waitAsync(this.#words, PASSED, passed, milliseconds);
    if (async) await value;
  }

  /** Requests that were neither refused nor failed since the limit was halved. */
  get successes(): number {
    return this.#word(SUCCESSES);
  }

  /** Called before a request passes that was neither refused nor failed. */
  succeed(): void {
    if (Atomics.add(this.#words, SUCCESSES, 1) + 1 === PAUSE_RESET_SUCCESSES)
      this.#set(SHORT_PAUSE_MS, this.#options.minDelayMs);
    this.#strays.earn();
    // An answer during a pause belongs to an earlier request; and a limit that is not fully used shows nothing.
    if (this.limit < this.maximum && 2 * this.load >= this.limit && !this.isPaused) this.#grow();
    else if (this.limit >= this.maximum && this.connections.areScarce) {
      this.connections.areScarce = this.#now() < Atomics.load(this.#times, CALM_UNTIL);
    }
  }

  /**
   * Called when the server did not accept a new connection, `ms` milliseconds after it was requested: there were too
   * many. Nothing is paused, since the open connections have answers.
   * @returns whether this has reduced the limit.
   */
  turnAway(milliseconds: number): boolean {
    if (this.connections.strays.pay()) return false;
    const now = this.#now();
    this.connections.notTaken(now, milliseconds);
    const { limit } = this;
    const taken = Math.max(1, this.connections.open, Math.min(limit, this.load) - 1);
    if (taken < limit) this.#replace(LIMIT, limit, taken);
    this.#set(CREDIT, 0);
    this.#set(CEILING, taken + 1);
    const calmMs = CALM_PAUSES * Math.max(milliseconds, this.#options.minDelayMs);
    Atomics.store(this.#times, CALM_UNTIL, now + nanoseconds(calmMs));
    this.#set(LAST_STATUS, 0);
    this.#set(LAST_PAUSE_MS, 0);
    Atomics.add(this.#words, BACK_OFFS, 1);
    return true;
  }

  /**
   * Called when a request was answered with 429 or 503, `ms` milliseconds after it was sent.
   * @returns whether this has reduced the limit.
   */
  refuse(status: number, milliseconds: number, retryAfterMs = 0): boolean {
    const now = this.#now();
    const sentAt = now - nanoseconds(milliseconds);
    // Nothing starts during a pause: a request sent before its end is older than the refusal that caused it.
    const isNew = (until: bigint): boolean => sentAt >= until;
    if (isNew(Atomics.load(this.#times, PAUSED_UNTIL)) && status !== 429 && this.#strays.pay())
      return this.#stepBack(now);
    const asked = Math.max(retryAfterMs, this.#word(SHORT_PAUSE_MS));
    const pauseMs = Math.ceil(Math.min(asked, this.#options.maxRetryAfterMs));
    const end = now + nanoseconds(pauseMs);
    for (;;) {
      const until = Atomics.load(this.#times, PAUSED_UNTIL);
      // An older request may still ask for a longer pause.
      if (!isNew(until) && (retryAfterMs === 0 || end <= until)) return false;
      if (Atomics.compareExchange(this.#times, PAUSED_UNTIL, until, end) !== until) continue;
      if (!isNew(until)) return false;
      if (status === 429) this.pace.refused(now, retryAfterMs, pauseMs, this.successes, this.limit);
      this.#backOff(status, now, pauseMs);
      return true;
    }
  }

  #word(index: number): number {
    return Atomics.load(this.#words, index);
  }

  #set(index: number, value: number): void {
    Atomics.store(this.#words, index, value);
  }

  /** Replaces a word, unless another thread has changed it in the meantime. */
  #replace(index: number, expected: number, value: number): boolean {
    return Atomics.compareExchange(this.#words, index, expected, value) === expected;
  }

  #grow(): void {
    const { limit } = this;
    if (Atomics.add(this.#words, CREDIT, 1) + 1 < limit) return;
    this.#set(CREDIT, 0);
    const ceiling = this.#word(CEILING);
    const next = ceiling === SLOW_START ? Math.min(2 * limit, this.maximum) : limit + 1;
    const now = this.#now();
    if (next >= ceiling && now < Atomics.load(this.#times, CALM_UNTIL)) return;
    if (!this.connections.mayGrow(now)) return;
    if (this.#replace(LIMIT, limit, next)) Atomics.notify(this.#words, PASSED);
  }

  /** At a size that was refused before, an apparent stray may be a refusal: it costs the last step, but no pause. */
  #stepBack(now: bigint): boolean {
    const { limit } = this;
    const ceiling = this.#word(CEILING);
    if (ceiling !== SLOW_START) this.#set(CREDIT, 0);
    if (limit < ceiling || limit === 1 || !this.#replace(LIMIT, limit, limit - 1)) return false;
    this.#set(CEILING, limit);
    Atomics.store(this.#times, CALM_UNTIL, now + nanoseconds(CALM_AFTER_STRAY_MS));
    return true;
  }

  #backOff(status: number, now: bigint, pauseMs: number): void {
    const { limit } = this;
    this.#set(LIMIT, Math.max(1, limit >> 1));
    // A source that refuses every request says nothing about the size.
    const isKnown = Atomics.exchange(this.#words, SUCCESSES, 0) !== 0;
    this.#set(CEILING, isKnown ? limit : Math.min(this.#word(CEILING), UNKNOWN));
    Atomics.store(this.#times, CALM_UNTIL, now + nanoseconds((CALM_PAUSES + 1) * pauseMs));
    this.#strays.empty();
    this.#set(CREDIT, 0);
    if (limit === 1) {
      const longest = MAX_PAUSE_GROWTH * this.#options.minDelayMs;
      this.#set(SHORT_PAUSE_MS, Math.min(2 * this.#word(SHORT_PAUSE_MS), longest));
    }
    this.#set(LAST_STATUS, status);
    this.#set(LAST_PAUSE_MS, pauseMs);
    Atomics.add(this.#words, BACK_OFFS, 1);
  }
}

function nanoseconds(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * 1e6));
}
