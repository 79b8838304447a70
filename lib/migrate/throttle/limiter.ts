/**
 * A thread's part in the limit on requests in flight that all threads share (shared-limit.ts).
 *
 * Requests start in the order of tickets, which a thread draws one at a time for the first of its requests that
 * wait: thus each thread has its share of a small limit, the main one too, whose few reads the others depend on.
 *
 * Measured, where nothing is held back: 0.2 µs a request, and 0.5 µs where two threads do nothing else.
 */

import { formatCount } from "../../tlog/quantities.ts";
import type { Notice } from "../notice.ts";
import type { ConnectionOutlook, StatedLimit } from "../ports/backend.ts";
import { isRefusal } from "./backoff.ts";
import type { SharedLimit } from "./shared-limit.ts";

/** How long a thread that waits relies on being woken, in milliseconds. */
const CHECK_MS = 25;

/** Requests in a row for which a thread keeps its turn, and the connection with it, where connections are scarce. */
const TURNS_IN_A_ROW = 32;

export class ConcurrencyLimiter implements ConnectionOutlook {
  readonly #shared: SharedLimit;
  readonly #most: number;
  readonly #signal: AbortSignal;
  readonly #closeIdle: () => void;
  /** Requests that wait, in order. */
  readonly #queue: PromiseWithResolvers<void>[] = [];
  #inFlight = 0;
  /** With which the first of the queue waits; undefined while only this thread's own requests are in its way. */
  #ticket: number | undefined;
  #watching = false;
  /** Requests for which this thread may keep its turn. */
  #turnsLeft = TURNS_IN_A_ROW;

  /**
   * @param most requests that this thread may have in flight: no more than its connections, since one that was let in
   * and waits for a connection might be sent during a pause.
   * @param signal ends all waiting.
   * @param closeIdle closes the connections of this thread that carry nothing.
   */
  constructor(shared: SharedLimit, most: number, signal: AbortSignal, closeIdle: () => void = () => {}) {
    this.#shared = shared;
    this.#most = most;
    this.#signal = signal;
    this.#closeIdle = closeIdle;
  }

  /** Lets a request start, at once or when it resolves; it has to `leave` then. @throws the signal's reason */
  enter(): Promise<void> | undefined {
    this.#signal.throwIfAborted();
    if (this.#queue.length === 0 && this.#takeTurn()) return undefined;
    const waiter = Promise.withResolvers<void>();
    this.#queue.push(waiter);
    void this.#watch();
    return waiter.promise;
  }

  /** The head of a response came. @returns whether the limit has become smaller by it. */
  answered(status: number, milliseconds: number, retryAfterMs?: number, stated?: StatedLimit): boolean {
    if (stated !== undefined) this.#shared.pace.state(stated);
    this.#shared.connections.answered(milliseconds);
    return isRefusal(status) && this.#shared.refuse(status, milliseconds, retryAfterMs);
  }

  /** A new connection brought its first answer, so many milliseconds after it was asked for. */
  connected(milliseconds: number): void {
    this.#shared.connections.connected(milliseconds);
  }

  disconnected(): void {
    this.#shared.connections.disconnected();
  }

  /** A new connection was not taken. @returns whether the limit has become smaller by it. */
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

  /** A request that was let in is over. @param status of its response, 0 if there was none. */
  leave(status: number): void {
    if (status !== 0 && status < 500 && !isRefusal(status)) this.#shared.succeed();
    if (!this.areScarce) {
      this.#pass();
      return;
    }
    // undici takes a connection again one turn of the event loop later: sooner, a request would get another one.
    setImmediate(() => setImmediate(() => this.#passWithConnection()));
  }

  #pass(): void {
    this.#inFlight--;
    this.#shared.pass();
    this.#admit();
  }

  /** Where a connection is as good as a turn: the next request of this thread has both, or else another thread. */
  #passWithConnection(): void {
    // The first that waits may have drawn a ticket, and every ticket is passed in the end.
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
    // Out of turn, so that for a moment one request more may be in flight. Kept, it would be lost with this thread.
    this.#ticket = undefined;
    this.#shared.pass();
  }

  /** Follows what other threads do, for as long as a request waits for them. */
  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    while (this.#ticket !== undefined) {
      // Read before the look: what is over by then is seen, and what comes later wakes this thread.
      const { passed } = this.#shared;
      this.#admit();
      if (this.#ticket !== undefined) await this.#shared.sleep(passed, CHECK_MS);
    }
    this.#watching = false;
  }
}

/** A pause that is worth reporting. */
const LONG_PAUSE_MS = 5_000;

/** It reports again soon of a limit half as large as the last one reported, and of others now and then. */
const REPORT_HALF_MS = 10_000;
const REPORT_AGAIN_MS = 600_000;

/** What is to be called several times a second, and notices when the limit was halved. */
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
        ? "The source takes no more connections"
        : `The source asks for fewer requests (${status})`;
    const before = limit < maximum ? ` instead of ${formatCount(maximum)}` : "";
    const pause = pauseMs >= LONG_PAUSE_MS ? `, after a pause of ${Math.round(pauseMs / 1000)} s` : "";
    notice(`${why}: ${formatCount(limit)} in flight${before}${pause}`, "warning");
  };
}
