/**
 * A source that is asked under a limit on requests in flight, in simulated time: nothing is sent and nothing waits,
 * so that what happens follows from the rules alone.
 */

import type { StatedLimit } from "../../lib/migrate/ports/backend.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { readDelays } from "../../lib/migrate/read/authentic.ts";
import { DEFAULT_RETRY } from "../../lib/migrate/throttle/backoff.ts";

import { limitReporter } from "../../lib/migrate/throttle/limiter.ts";
import { type LimitOptions, newSharedLimit, SharedLimit } from "../../lib/migrate/throttle/shared-limit.ts";

export interface SimulatedAnswer {
  readonly status: number;
  /** From the request to the response. */
  readonly milliseconds: number;
  readonly retryAfterMs?: number | undefined;
  readonly stated?: StatedLimit;
}

/** Answers a request, beside `others` that it is not refusing just now. */
export type Server = (request: { readonly atMs: number; readonly others: number }) => SimulatedAnswer;

export interface SimulationOptions extends Partial<LimitOptions> {
  readonly server: Server;
  /** When it ends at the latest. */
  readonly seconds: number;
  /**
   * Objects to read, each until it is there, after the delays that a read has; a read that waits keeps its place
   * among the requests. Default: no end of them, and what is refused is not asked for again.
   */
  readonly objects?: number;
  /** Requests that the copy would have in flight by itself; default: the maximum, which is 64. */
  readonly demand?: number;
}

export interface SimulatedRequest extends SimulatedAnswer {
  readonly sentAtMs: number;
  readonly endedAtMs: number;
  /** When it was sent, with itself. */
  readonly inFlight: number;
}

export interface SimulationResult {
  readonly requests: readonly SimulatedRequest[];
  /** The limit, every 25 ms. */
  readonly limits: readonly { readonly atMs: number; readonly limit: number }[];
  readonly notices: readonly string[];
  readonly backOffs: number;
  readonly throttles: number;
  readonly seconds: number;
}

interface Read {
  readonly delayAfter: (error: unknown) => number | undefined;
}

const LOOK_EVERY_MS = 25;

export function simulate(options: SimulationOptions): SimulationResult {
  const { maximum = 64, start = maximum, minDelayMs = 250, maxRetryAfterMs = 600_000 } = options;
  const { server, seconds, objects = Number.POSITIVE_INFINITY, demand = maximum } = options;
  let nowMs = 0;
  const share = newSharedLimit({ maximum, start, minDelayMs, maxRetryAfterMs });
  const shared = new SharedLimit(share, () => BigInt(Math.round(nowMs * 1e6)));
  const notices: string[] = [];
  const report = limitReporter(
    shared,
    (line) => notices.push(line),
    () => nowMs,
  );
  const requests: SimulatedRequest[] = [];
  const limits: { atMs: number; limit: number }[] = [];
  /** In the order in which they will end. */
  const underWay = new Timeline<{ request: SimulatedRequest; read: Read }>();
  const waiting = new Timeline<Read>();
  const ready: Read[] = [];
  let [begun, done, serving, throttles] = [0, 0, 0, 0];
  let ticket: number | undefined;
  let nextLookMs = LOOK_EVERY_MS;

  const sendAll = (): void => {
    while (ready.length < demand - underWay.length - waiting.length && begun < objects) {
      ready.push({ delayAfter: readDelays({ retry: DEFAULT_RETRY }) });
      begun++;
    }
    while (ready.length > 0) {
      ticket ??= shared.draw();
      if (!shared.isTurn(ticket)) break;
      ticket = undefined;
      const answer = server({ atMs: nowMs, others: serving });
      if (answer.status === 200) serving++;
      const endedAtMs = nowMs + answer.milliseconds;
      const request = { ...answer, sentAtMs: nowMs, endedAtMs, inFlight: underWay.length + 1 };
      underWay.add(endedAtMs, { request, read: ready.shift() as Read });
    }
  };
  const end = ({ request, read }: { request: SimulatedRequest; read: Read }): void => {
    const { status, milliseconds, retryAfterMs, stated } = request;
    requests.push(request);
    if (status === 200) {
      serving--;
      done++;
      shared.succeed();
    } else {
      if (stated !== undefined) shared.pace.state(stated);
      if (shared.refuse(status, milliseconds, retryAfterMs)) throttles++;
      const error = new SourceError("refused", { retryable: true, status, retryAfterMs });
      const delayMs = options.objects === undefined ? undefined : read.delayAfter(error);
      if (delayMs !== undefined) waiting.add(nowMs + delayMs, read);
    }
    shared.pass();
  };

  while (nowMs < seconds * 1000 && done < objects) {
    sendAll();
    nowMs = Math.min(underWay.nextMs, waiting.nextMs, nextLookMs);
    if (underWay.nextMs === nowMs) end(underWay.shift());
    else if (waiting.nextMs === nowMs) ready.push(waiting.shift());
    else {
      nextLookMs += LOOK_EVERY_MS;
      report();
      limits.push({ atMs: nowMs, limit: shared.limit });
    }
  }
  return { requests, limits, notices, backOffs: shared.backOffs, throttles, seconds: nowMs / 1000 };
}

class Timeline<Event> {
  readonly #events: { readonly atMs: number; readonly event: Event }[] = [];

  get length(): number {
    return this.#events.length;
  }

  get nextMs(): number {
    return this.#events[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  add(atMs: number, event: Event): void {
    const before = this.#events.findLastIndex((other) => other.atMs <= atMs);
    this.#events.splice(before + 1, 0, { atMs, event });
  }

  shift(): Event {
    return this.#events.shift()?.event as Event;
  }
}

/** Answers `most` requests at a time, and refuses what is beyond. */
export function refusing(most: number, answer: Omit<SimulatedAnswer, "status">, status = 429): Server {
  return ({ others }) =>
    others < most ? { status: 200, milliseconds: answer.milliseconds } : { ...answer, status };
}

/** Answers so many requests a second, of which up to `burst` at once, and refuses what is beyond. */
export function metering(perSecond: number, burst: number, answer: SimulatedAnswer): Server {
  let [tokens, last] = [burst, 0];
  return ({ atMs }) => {
    tokens = Math.min(burst, tokens + ((atMs - last) / 1000) * perSecond);
    last = atMs;
    if (tokens < 1) return answer;
    tokens--;
    return { status: 200, milliseconds: answer.milliseconds };
  };
}

/** Answers so many requests in each minute that begins with one, and refuses the others until it is over. */
export function countingMinutes(perMinute: number, stated?: StatedLimit): Server {
  let [began, count] = [Number.NEGATIVE_INFINITY, 0];
  return ({ atMs }) => {
    if (atMs >= began + 60_000) [began, count] = [atMs, 0];
    const limit = stated === undefined ? {} : { stated };
    if (++count <= perMinute) return { status: 200, milliseconds: 50, ...limit };
    const retryAfterMs = Math.ceil((began + 60_000 - atMs) / 1000) * 1000;
    return { status: 429, milliseconds: 20, retryAfterMs, ...limit };
  };
}

/** Answers a share of requests at random by 503, and all others as `server` does. */
export function strayRefusals(share: number, server: Server, seed = 1): Server {
  const random = randomNumbers(seed);
  return (request) => {
    const answer = server(request);
    return random() < share ? { ...answer, status: 503 } : answer;
  };
}

/** Numbers from 0 to below 1 that follow from a seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
