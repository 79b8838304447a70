/**
 * A thread's part in the window of requests in flight, which bounds those of all threads together and keeps all of
 * them from starting while the source asks for a pause. A public log is asked by many: one that answers 429 (Too
 * Many Requests) or 503 (Service Unavailable) is asked less. How far the window shrinks is in window-state.ts, how
 * it grows and what latency does to it in window-keeper.ts.
 *
 * Requests start in the order of tickets, which a thread draws one at a time for the first of its requests that
 * wait: thus each thread has its share of a small window, the main one too, whose few reads the others live on.
 *
 * Where nothing is held back, a request costs two atomic additions and a few loads: measured, 0.2 us for all that is
 * done here, and 0.5 us where two threads do nothing else; a request takes 43 us and more.
 */

import { type Abortable, AbortWatch } from "../../../storage/shared/abort-watch.ts";
import type { WindowState } from "./shared-limit.ts";

/** How long a thread that waits trusts to be woken, in milliseconds. */
const CHECK_MS = 50;

/** After so many responses, and so much time, a thread looks whether their latency is its own. */
const RESPONSES_A_LOOK = 16;
const LOOK_MS = 100;

export class RequestWindow {
  readonly #state: WindowState;
  readonly #most: number;
  readonly #aborts = new AbortWatch();
  /** Requests that wait, in order. */
  readonly #queue: Waiter[] = [];
  #inFlight = 0;
  /** With which the first of the queue waits; undefined while only this thread's own requests are in its way. */
  #ticket: number | undefined;
  #watching = false;
  #responses = 0;
  #usage = performance.eventLoopUtilization();

  /**
   * @param most requests that this thread may have in flight. With more than it has connections, one that was let
   * in would wait for a connection, and be sent during a pause.
   */
  constructor(state: WindowState, most: number) {
    this.#state = state;
    this.#most = most;
  }

  /**
   * Lets a request start: at once, or when the promise resolves. Who was let in says when the request is over.
   * @throws the signal's reason, if it fires before.
   */
  enter(signal: AbortSignal): Promise<void> | undefined {
    signal.throwIfAborted();
    if (this.#queue.length === 0 && this.#takesTurn()) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = {
      start: () => {
        this.#aborts.remove(signal, waiter);
        resolve();
      },
      abort: (reason) => {
        this.#aborts.remove(signal, waiter);
        this.#withdraw(waiter);
        reject(reason);
      },
    };
    this.#aborts.add(signal, waiter);
    this.#queue.push(waiter);
    this.#watch();
    return promise;
  }

  /**
   * The head of a response came, so many milliseconds after the request was sent; with what Retry-After asks for.
   * @returns whether the window has become smaller by it.
   */
  answered(status: number, milliseconds: number, retryAfterMs: number | undefined): boolean {
    if (isRefusal(status)) return this.#state.refuse(status, milliseconds, retryAfterMs);
    this.#state.noteLatency(milliseconds);
    if (++this.#responses % RESPONSES_A_LOOK === 0) this.#noteOwnDelay();
    return false;
  }

  /** A request that was let in is over. @param status of its response, 0 if there was none. */
  leave(status: number): void {
    if (status === 0 || status >= 500 || isRefusal(status)) this.#state.countFailed();
    this.#inFlight--;
    this.#state.pass();
    this.#admit();
  }

  /** Whether one more request starts now. */
  #takesTurn(): boolean {
    if (this.#inFlight >= this.#most) return false;
    this.#ticket ??= this.#state.draw();
    if (!this.#state.isTurn(this.#ticket)) return false;
    this.#ticket = undefined;
    this.#inFlight++;
    return true;
  }

  #admit(): void {
    while (this.#queue.length > 0 && this.#takesTurn()) this.#queue.shift()?.start();
    this.#watch();
  }

  #withdraw(waiter: Waiter): void {
    this.#queue.splice(this.#queue.indexOf(waiter), 1);
    if (this.#queue.length > 0 || this.#ticket === undefined) return;
    // Out of turn, so that for a moment one request more may be in flight. Kept, it would be lost with this thread.
    this.#ticket = undefined;
    this.#state.pass();
  }

  /** Follows what other threads do, for as long as a request waits for them. */
  #watch(): void {
    if (this.#watching || this.#ticket === undefined) return;
    this.#watching = true;
    void this.#admitAll();
  }

  async #admitAll(): Promise<void> {
    this.#state.startWaiting();
    for (;;) {
      // Read before the look: what is over by then is seen, and what comes later is heard.
      const passed = this.#state.passed;
      this.#admit();
      if (this.#ticket === undefined) break;
      await this.#state.sleep(passed, CHECK_MS);
    }
    this.#state.stopWaiting();
    this.#watching = false;
  }

  /** A thread that does something else most of the time notices a response when it comes to it. */
  #noteOwnDelay(): void {
    const usage = performance.eventLoopUtilization();
    const { active, idle } = performance.eventLoopUtilization(usage, this.#usage);
    if (active + idle < LOOK_MS) return;
    this.#usage = usage;
    if (active > idle) this.#state.noteBusy();
  }
}

interface Waiter extends Abortable {
  start(): void;
}

/** Whether a status says that the server has too much to do, rather than that something is wrong. */
function isRefusal(status: number): boolean {
  return status === 429 || status === 503;
}
