/**
 * A thread's part in the limit on requests in flight that all threads share (shared-limit.ts).
 *
 * Requests start in the order of tickets. A thread draws one ticket at a time, for the first of its waiting requests:
 * so each thread has its share of a small limit, also the main thread, on whose few reads the others depend.
 *
 * Measured when no request has to wait: 0.2 µs a request, and 0.5 µs if two threads do nothing else.
 */

import { formatCount } from "../../tlog/quantities.ts";
import type { ConnectionOutlook, StatedLimit } from "../ports/backend.ts";
import type { Notice } from "../report/notice.ts";
import { isRefusal } from "./backoff.ts";
import type { SharedLimit } from "./shared-limit.ts";

/** After this time a waiting thread checks again, even if it was not woken, in milliseconds. */
const CHECK_MS = 25;

/** Consecutive requests for which a thread keeps its turn, and its connection, while connections are scarce. */
const TURNS_IN_A_ROW = 32;

export class ConcurrencyLimiter implements ConnectionOutlook {
  readonly #shared: SharedLimit;
  readonly #most: number;
  readonly #signal: AbortSignal;
  readonly #closeIdle: () => void;
  /** Waiting requests, in order. */
  readonly #queue: PromiseWithResolvers<void>[] = [];
  #inFlight = 0;
  /** The ticket of the first waiting request; undefined while it only waits for this thread's own requests. */
  #ticket: number | undefined;
  #watching = false;
  /** Number of requests for which this thread may still keep its turn. */
  #turnsLeft = TURNS_IN_A_ROW;

  /**
   * @param most requests in flight in this thread: not more than its connections, since a request that has entered and
   * waits for a connection might be sent during a pause.
   * @param signal ends all waiting.
   * @param closeIdle closes the idle connections of this thread.
   */
  constructor(shared: SharedLimit, most: number, signal: AbortSignal, closeIdle: () => void = () => {}) {
    this.#shared = shared;
    this.#most = most;
    this.#signal = signal;
    this.#closeIdle = closeIdle;
  }

  /** Lets a request start, at once or when it resolves; the caller must call `leave` at its end. @throws the signal's reason */
  enter(): Promise<void> | undefined {
    this.#signal.throwIfAborted();
    if (this.#queue.length === 0 && this.#takeTurn()) return undefined;
    const waiter = Promise.withResolvers<void>();
    this.#queue.push(waiter);
    void this.#watch();
    return waiter.promise;
  }

  /** Called when the head of a response has arrived. @returns whether this has reduced the limit. */
  answered(status: number, milliseconds: number, retryAfterMs?: number, stated?: StatedLimit): boolean {
    if (stated !== undefined) this.#shared.pace.state(stated);
    this.#shared.connections.answered(milliseconds);
    return isRefusal(status) && this.#shared.refuse(status, milliseconds, retryAfterMs);
  }

  /** Called when a new connection has its first answer, `ms` milliseconds after it was requested. */
  connected(milliseconds: number): void {
    this.#shared.connections.connected(milliseconds);
  }

  disconnected(): void {
    this.#shared.connections.disconnected();
  }

  /** Called when the server did not accept a new connection. @returns whether this has reduced the limit. */
  turnedAway(milliseconds: number): boolean {
    return this.#shared.turnAway(milliseconds);
  }

  get successes(): number {
    return this.#shared.successes;
  }

  get firstAnswerMs(): number {
    return this.#shared.connections.firstAnswerMs;
  }

  get areScarce(): boolean {
    return this.#shared.connections.areScarce;
  }

  /** Called when a request that has entered is finished. @param status of its response, 0 if there was none. */
  leave(status: number): void {
    if (status !== 0 && status < 500 && !isRefusal(status)) this.#shared.succeed();
    if (!this.areScarce) {
      this.#pass();
      return;
    }
    // undici reuses a connection one turn of the event loop later: an earlier request would open another connection.
    setImmediate(() => setImmediate(() => this.#passWithConnection()));
  }

  #pass(): void {
    this.#inFlight--;
    this.#shared.pass();
    this.#admit();
  }

  /** While connections are scarce, turn and connection go together: to this thread's next request, or to another thread. */
  #passWithConnection(): void {
    // The first waiting request may have drawn a ticket; every ticket must be passed at some time.
    const waiting = this.#queue.length - (this.#ticket === undefined ? 0 : 1);
    if (waiting > 0 && this.#turnsLeft > 0 && !this.#shared.holdsBack && !this.#signal.aborted) {
      this.#turnsLeft--;
      this.#queue.shift()?.resolve();
      return;
    }
    this.#turnsLeft = TURNS_IN_A_ROW;
    this.#closeIdle();
    this.#pass();
  }

  #takeTurn(): boolean {
    if (this.#inFlight >= this.#most) return false;
    this.#ticket ??= this.#shared.draw();
    if (!this.#shared.isTurn(this.#ticket)) return false;
    this.#ticket = undefined;
    this.#inFlight++;
    return true;
  }

  #admit(): void {
    if (this.#signal.aborted) this.#giveUp();
    while (this.#queue.length > 0 && this.#takeTurn()) this.#queue.shift()?.resolve();
    void this.#watch();
  }

  #giveUp(): void {
    for (const { reject } of this.#queue.splice(0)) reject(this.#signal.reason);
    if (this.#ticket === undefined) return;
    // Out of turn, so that for a moment one request more may be in flight. An unused ticket would be lost with this thread.
    this.#ticket = undefined;
    this.#shared.pass();
  }

  /** Follows the other threads for as long as a request waits for them. */
  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    while (this.#ticket !== undefined) {
      // Read before the check: the check sees requests that ended before, and a later one wakes this thread.
      const { passed } = this.#shared;
      this.#admit();
      if (this.#ticket !== undefined) await this.#shared.sleep(passed, CHECK_MS);
    }
    this.#watching = false;
  }
}

/** Shorter pauses are not reported, in milliseconds. */
const LONG_PAUSE_MS = 5_000;

/** Reports soon when the limit is half of the last one reported, and else from time to time. */
const REPORT_HALF_MS = 10_000;
const REPORT_AGAIN_MS = 600_000;

/** Returns a function to call several times a second, which reports when the limit was halved. */
export function limitReporter(
  shared: SharedLimit,
  notice: Notice,
  clock = () => performance.now(),
): () => void {
  let seen = 0;
  let reported = Number.POSITIVE_INFINITY;
  let reportedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const { backOffs, lastBackOff, limit, maximum } = shared;
    if (backOffs === seen) return;
    seen = backOffs;
    const now = clock();
    const quietMs = 2 * limit <= reported ? REPORT_HALF_MS : REPORT_AGAIN_MS;
    if (now < reportedAt + quietMs) return;
    reported = limit;
    reportedAt = now;
    const { status, pauseMs } = lastBackOff;
    const why =
      status === 0
        ? "The source refuses new connections or leaves them unanswered, as one that is overloaded or down does"
        : `The source asks for fewer requests (${status})`;
    const before = limit < maximum ? ` instead of ${formatCount(maximum)}` : "";
    const pause = pauseMs >= LONG_PAUSE_MS ? `, after a pause of ${Math.round(pauseMs / 1000)} s` : "";
    notice(`${why}: ${formatCount(limit)} in flight${before}${pause}`, "warning");
  };
}
