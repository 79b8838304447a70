/**
 * What the threads of a run share of the window of requests in flight: who may start, the limit, the pause, what
 * became of the requests. And how the window backs off, which the thread that is refused does at once: by half, and
 * with a pause that holds for all threads.
 *
 * Halving is TCP's answer to a network that is full (RFC 5681 section 3.1), and as there (RFC 6582 section 3.2) it
 * is done once for all that was under way together: where 64 requests are refused at a time, that is one refusal.
 * Nothing starts during the pause after it, so that a request which was sent before the end of the last pause is
 * known to bring old news.
 */

/** What a window is to keep to. */
export interface WindowOptions {
  /** Requests in flight over all threads. A window of this size holds nothing back: connections bound them too. */
  readonly maximum: number;
  /** The pause after a refusal that asks for none, or for less, in milliseconds. */
  readonly minDelayMs: number;
  /** The longest pause that a Retry-After may ask for. */
  readonly maxRetryAfterMs: number;
}

/** Plain data, by which threads follow the same window. */
export interface WindowShare extends WindowOptions {
  readonly shared: SharedArrayBuffer;
}

/** A refusal that made the window smaller. */
export interface BackOff {
  readonly status: number;
  /** The limit before. */
  readonly from: number;
  readonly pauseMs: number;
}

// Places of 32-bit words. What every request writes has a cache line of 64 bytes to itself.
const TICKETS = 0;
const PASSED = 16;
const LIMIT = 32;
const WAITING_THREADS = 33;
const FAILED = 34;
const BACK_OFFS = 35;
const LAST_STATUS = 36;
const LAST_FROM = 37;
const LAST_PAUSE_MS = 38;
/** The pause that a refusal without a Retry-After leads to. */
const SHORT_PAUSE_MS = 39;
/** In microseconds. */
const LEAST_LATENCY = 48;
const BUSY = 49;

/** One word of 64 bits, on the clock of process.hrtime. */
const PAUSED_UNTIL_BYTE = 256;
const BYTES = PAUSED_UNTIL_BYTE + BigInt64Array.BYTES_PER_ELEMENT;
const WORDS = PAUSED_UNTIL_BYTE / Int32Array.BYTES_PER_ELEMENT;

/** The limit of a window that holds nothing back; the latency where no response came. */
const NONE = 2 ** 31 - 1;

/** A window of one request cannot shrink: its short pause doubles instead, up to so many times the shortest. */
const MAX_PAUSE_GROWTH = 8;

/** A new window, which holds nothing back. */
export function newWindow({ maximum, minDelayMs, maxRetryAfterMs }: WindowOptions): WindowShare {
  const shared = new SharedArrayBuffer(BYTES);
  const words = new Int32Array(shared, 0, WORDS);
  words[LIMIT] = NONE;
  words[LEAST_LATENCY] = NONE;
  words[SHORT_PAUSE_MS] = minDelayMs;
  return { maximum, minDelayMs, maxRetryAfterMs, shared };
}

export class WindowState {
  readonly #options: WindowOptions;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #pausedUntil: BigInt64Array<SharedArrayBuffer>;
  readonly #now: () => bigint;

  /** @param now a clock that all threads share, in nanoseconds. */
  constructor(share: WindowShare, now: () => bigint = process.hrtime.bigint) {
    this.#options = share;
    this.#words = new Int32Array(share.shared, 0, WORDS);
    this.#pausedUntil = new BigInt64Array(share.shared, PAUSED_UNTIL_BYTE, 1);
    this.#now = now;
  }

  /** Milliseconds since whenever. */
  get nowMs(): number {
    return Number(this.#now()) / 1e6;
  }

  get maximum(): number {
    return this.#options.maximum;
  }

  /** A ticket for one request, which starts when its turn has come. Every ticket is passed in the end. */
  draw(): number {
    return Atomics.add(this.#words, TICKETS, 1);
  }

  /** Whether the request with this ticket may start now. */
  isTurn(ticket: number): boolean {
    // The counters overflow after 2^32 requests; their difference does not.
    return ((ticket - this.passed) | 0) < this.#word(LIMIT) && !this.paused;
  }

  /** A request is over, or nobody wants to start it any more: another one may. */
  pass(): void {
    Atomics.add(this.#words, PASSED, 1);
    this.wake();
  }

  /** Requests that are over, modulo 2^32. */
  get passed(): number {
    return this.#word(PASSED);
  }

  /** Requests that are over and brought no object, modulo 2^32. */
  get failed(): number {
    return this.#word(FAILED);
  }

  countFailed(): void {
    Atomics.add(this.#words, FAILED, 1);
  }

  /** Requests in flight, and one that waits for each thread in which one does. */
  get load(): number {
    return (this.#word(TICKETS) - this.passed) | 0;
  }

  /** Requests that may be in flight now. */
  get limit(): number {
    return Math.min(this.#word(LIMIT), this.maximum);
  }

  /** Changes the limit from one number to another; false if another thread has changed it since. */
  move(from: number, to: number): boolean {
    const word = (limit: number): number => (limit < this.maximum ? limit : NONE);
    return Atomics.compareExchange(this.#words, LIMIT, word(from), word(to)) === word(from);
  }

  get paused(): boolean {
    const until = Atomics.load(this.#pausedUntil, 0);
    return until !== 0n && until > this.#now();
  }

  /** This thread begins to wait for a turn: from now on `sleep` will hear of every request that is over. */
  startWaiting(): void {
    Atomics.add(this.#words, WAITING_THREADS, 1);
  }

  stopWaiting(): void {
    Atomics.sub(this.#words, WAITING_THREADS, 1);
  }

  /** Resolves when `passed` is another number than this, when another thread says so, or after a time. */
  async sleep(passed: number, milliseconds: number): Promise<void> {
    const { async, value } = Atomics.waitAsync(this.#words, PASSED, passed, milliseconds);
    if (async) await value;
  }

  /** Has all threads that wait look again. */
  wake(): void {
    if (this.#word(WAITING_THREADS) > 0) Atomics.notify(this.#words, PASSED);
  }

  /**
   * A request was refused.
   * @param milliseconds since it was sent.
   * @param retryAfterMs what the refusal asks for by Retry-After.
   * @returns whether the window has become smaller by it.
   */
  refuse(status: number, milliseconds: number, retryAfterMs: number | undefined): boolean {
    const now = this.#now();
    const sentAt = now - nanoseconds(milliseconds);
    const pauseMs = this.#pauseFor(retryAfterMs);
    const end = now + nanoseconds(pauseMs);
    for (;;) {
      const until = Atomics.load(this.#pausedUntil, 0);
      const isNews = sentAt >= until;
      // Old news may still ask for a longer pause.
      if (!isNews && (retryAfterMs === undefined || end <= until)) return false;
      if (Atomics.compareExchange(this.#pausedUntil, 0, until, end) !== until) continue;
      if (isNews) this.#backOff(status, pauseMs);
      return isNews;
    }
  }

  /** How often the window became smaller by a refusal. */
  get backOffs(): number {
    return this.#word(BACK_OFFS);
  }

  get lastBackOff(): BackOff {
    return {
      status: this.#word(LAST_STATUS),
      from: this.#word(LAST_FROM),
      pauseMs: this.#word(LAST_PAUSE_MS),
    };
  }

  /** Halves the pause that follows a refusal without a Retry-After, if it has grown. */
  shortenPause(): void {
    const pause = this.#word(SHORT_PAUSE_MS);
    const shorter = Math.max(this.#options.minDelayMs, Math.ceil(pause / 2));
    Atomics.compareExchange(this.#words, SHORT_PAUSE_MS, pause, shorter);
  }

  /** The head of a response came so many milliseconds after its request was sent. */
  noteLatency(milliseconds: number): void {
    const latency = Math.min(Math.round(milliseconds * 1000), NONE - 1);
    for (let least = this.#word(LEAST_LATENCY); latency < least; ) {
      const found = Atomics.compareExchange(this.#words, LEAST_LATENCY, least, latency);
      if (found === least) return;
      least = found;
    }
  }

  /** A thread is so busy that its own delay may be in the latencies that it notes. */
  noteBusy(): void {
    Atomics.store(this.#words, BUSY, 1);
  }

  /** The least latency that was noted since this was asked last, undefined if none was; and whether a thread was busy. */
  takeLatency(): { readonly leastMs: number | undefined; readonly busy: boolean } {
    const least = Atomics.exchange(this.#words, LEAST_LATENCY, NONE);
    const busy = Atomics.exchange(this.#words, BUSY, 0) !== 0;
    return { leastMs: least === NONE ? undefined : least / 1000, busy };
  }

  #word(place: number): number {
    return Atomics.load(this.#words, place);
  }

  #pauseFor(retryAfterMs = 0): number {
    const asked = Math.max(retryAfterMs, this.#word(SHORT_PAUSE_MS));
    return Math.ceil(Math.min(asked, this.#options.maxRetryAfterMs));
  }

  #backOff(status: number, pauseMs: number): void {
    let from = this.limit;
    while (!this.move(from, Math.max(1, from >> 1))) from = this.limit;
    if (from === 1) this.#lengthenPause();
    Atomics.store(this.#words, LAST_STATUS, status);
    Atomics.store(this.#words, LAST_FROM, from);
    Atomics.store(this.#words, LAST_PAUSE_MS, pauseMs);
    Atomics.add(this.#words, BACK_OFFS, 1);
  }

  #lengthenPause(): void {
    const pause = this.#word(SHORT_PAUSE_MS);
    const longer = Math.min(2 * pause, MAX_PAUSE_GROWTH * this.#options.minDelayMs);
    Atomics.compareExchange(this.#words, SHORT_PAUSE_MS, pause, longer);
  }
}

function nanoseconds(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * 1e6));
}
