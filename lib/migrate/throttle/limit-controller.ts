/**
 * Looks after the window of requests in flight, in the main thread: how it starts, how it grows again after it was
 * made smaller, and what latency does to it.
 *
 * It grows as TCP's congestion window does (RFC 5681 section 3.1): it starts small and doubles until it is at its
 * maximum or a refusal comes; after that it grows by one when as many responses have come as it is large. A lost
 * packet costs next to nothing, though, and a refusal a pause of all threads, maybe a long one. So the size that was
 * too large is remembered, as in CUBIC (RFC 9438): the window grows at that pace to the size below, stays there for
 * twenty times as long as the pause was, and only then goes on, one at a time. A window of which less than half is
 * used does not grow, since nothing was learnt about its size (RFC 7661).
 */

import type { Counters } from "../counters.ts";
import { LatencyJudge } from "./queue-detector.ts";
import type { WindowState } from "./shared-limit.ts";

export interface KeeperOptions {
  /** Requests in flight to begin with. */
  readonly start: number;
  /** Where backing off because of latency is counted; refusals are counted by the thread that hears of them. */
  readonly counters: Counters;
  /** Told the operator: that the source asks for less. */
  readonly notice?: ((sentence: string) => void) | undefined;
}

const LOOK_EVERY_MS = 25;

/** How many times longer than its pause a refusal keeps the window below the size that was refused. */
const CALM_PAUSES = 20;

/** The same for a size that was given up for its latency, which costs no pause. */
const CALM_AFTER_QUEUE_MS = 5_000;

/** The fewest responses that say something, however small the window. */
const FEWEST_RESPONSES = 16;

/**
 * Responses to wait for, by the size of the window: in a round some came to requests of the round before; after the
 * window was halved, it takes twice its size until the last of those that were under way then have been answered.
 */
const ROUND_WINDOWS = 2;
const TRIAL_WINDOWS = 4;

/** A pause that is worth telling. */
const LONG_PAUSE_MS = 5_000;

/** The operator is told again soon of a window half as small as the last one told, and of others now and then. */
const TELL_HALF_MS = 10_000;
const TELL_AGAIN_MS = 600_000;

export class WindowKeeper {
  readonly #state: WindowState;
  readonly #options: KeeperOptions;
  readonly #judge = new LatencyJudge();
  #timer: NodeJS.Timeout | undefined;
  #passed: number;
  #failed: number;
  #backOffs: number;
  #isStarting: boolean;
  #responsesSinceRefusal = 0;
  /** The size that was too large, and until when it is not tried again. */
  #tooLarge = Number.POSITIVE_INFINITY;
  #calmUntil = 0;
  /** Responses that have not made the window grow yet. */
  #credit = 0;
  #sincePauseShortened = 0;
  #round = 0;
  #sizeBeforeTrial = 0;
  #told = Number.POSITIVE_INFINITY;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(state: WindowState, options: KeeperOptions) {
    this.#state = state;
    this.#options = options;
    this.#passed = state.passed;
    this.#failed = state.failed;
    this.#backOffs = state.backOffs;
    this.#isStarting = options.start < state.maximum;
    state.move(state.limit, options.start);
  }

  /** Looks after the window from now on, and keeps the process alive until it is told to stop. */
  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const responses = this.#newResponses();
    this.#responsesSinceRefusal += responses;
    if (this.#state.backOffs !== this.#backOffs) this.#afterRefusal();
    // What comes during a pause are the responses to what the window was before.
    else if (responses > 0 && !this.#state.paused) {
      this.#shortenPause(responses);
      this.#grow(responses);
      this.#judgeRound(responses);
    }
    this.#state.wake();
  }

  /** Responses since the last look that were neither refusals nor failures. */
  #newResponses(): number {
    const { passed, failed } = this.#state;
    const responses = ((passed - this.#passed) | 0) - ((failed - this.#failed) | 0);
    this.#passed = passed;
    this.#failed = failed;
    return responses;
  }

  get #isFull(): boolean {
    return this.#state.load >= this.#state.limit / 2;
  }

  #afterRefusal(): void {
    this.#backOffs = this.#state.backOffs;
    const { status, from, pauseMs } = this.#state.lastBackOff;
    // A source that refuses whatever it is asked says nothing about the size.
    const size = this.#responsesSinceRefusal > 0 ? from : this.#tooLarge;
    this.#responsesSinceRefusal = 0;
    this.#wasTooLarge(size, (CALM_PAUSES + 1) * pauseMs);
    this.#judge.reset();
    const pause = pauseMs >= LONG_PAUSE_MS ? `, after a pause of ${Math.round(pauseMs / 1000)} s` : "";
    this.#tell(`The source asks for fewer requests (${status})`, pause);
  }

  #wasTooLarge(size: number, calmMs: number): void {
    this.#isStarting = false;
    this.#tooLarge = size;
    this.#calmUntil = this.#state.nowMs + calmMs;
    this.#credit = 0;
    this.#startRound();
  }

  #grow(responses: number): void {
    const { limit } = this.#state;
    if (!this.#isFull || this.#judge.isTrying) return;
    if (this.#isStarting) {
      this.#growTo(limit + Math.min(limit, responses));
      return;
    }
    this.#credit += responses;
    const steps = Math.floor(this.#credit / limit);
    this.#credit -= steps * limit;
    if (limit + 1 < this.#tooLarge) this.#growTo(Math.min(limit + steps, this.#tooLarge - 1));
    else if (this.#state.nowMs >= this.#calmUntil) this.#growTo(limit + Math.min(steps, 1));
  }

  #growTo(size: number): void {
    const { limit, maximum } = this.#state;
    this.#state.move(limit, Math.min(size, maximum));
    if (size >= maximum) this.#isStarting = false;
  }

  #shortenPause(responses: number): void {
    this.#sincePauseShortened += responses;
    if (this.#sincePauseShortened < FEWEST_RESPONSES) return;
    this.#sincePauseShortened = 0;
    this.#state.shortenPause();
  }

  #startRound(): void {
    this.#round = 0;
    this.#state.takeLatency();
  }

  #judgeRound(responses: number): void {
    this.#round += responses;
    const { limit, nowMs } = this.#state;
    const windows = this.#judge.isTrying ? TRIAL_WINDOWS : ROUND_WINDOWS;
    if (this.#round < Math.max(FEWEST_RESPONSES, windows * limit)) return;
    this.#round = 0;
    const { leastMs, busy } = this.#state.takeLatency();
    if (leastMs === undefined) return;
    switch (this.#judge.judge({ leastMs, busy, isFull: limit > 1 && this.#isFull }, nowMs)) {
      case "suspicious":
        this.#sizeBeforeTrial = limit;
        if (!this.#state.move(limit, limit >> 1)) this.#judge.reset();
        return;
      case "queueing":
        this.#wasTooLarge(this.#sizeBeforeTrial, CALM_AFTER_QUEUE_MS);
        this.#options.counters.add("throttles", 1);
        this.#tell("The source answers later the more it is asked at once");
        return;
      case "slower":
        this.#state.move(limit, this.#sizeBeforeTrial);
        return;
      case "as-ever":
    }
  }

  #tell(reason: string, addition = ""): void {
    const { limit, maximum, nowMs } = this.#state;
    if (nowMs < this.#toldAt + (2 * limit <= this.#told ? TELL_HALF_MS : TELL_AGAIN_MS)) return;
    this.#told = limit;
    this.#toldAt = nowMs;
    const before = limit < maximum ? ` instead of ${maximum}` : "";
    this.#options.notice?.(`${reason}: ${limit} in flight${before}${addition}`);
  }
}
