/**
 * A source that is asked through a window of requests, in simulated time: nothing is sent and nothing waits, so that
 * what happens follows from the rules alone.
 */

import { Counters } from "../../lib/migrate/counters.ts";
import { WindowKeeper } from "../../lib/migrate/throttle/limit-controller.ts";
import { newWindow, type WindowOptions, WindowState } from "../../lib/migrate/throttle/shared-limit.ts";

export interface SimulatedAnswer {
  readonly status: number;
  /** From the request to the response. */
  readonly milliseconds: number;
  readonly retryAfterMs?: number | undefined;
}

/** Answers a request, beside `others` that it is not refusing just now. */
export type Server = (request: { readonly atMs: number; readonly others: number }) => SimulatedAnswer;

export interface SimulationOptions extends Partial<WindowOptions> {
  readonly server: Server;
  readonly seconds: number;
  /** Requests that may be in flight at first; default: the maximum, which is 64. */
  readonly start?: number;
  /** Requests that the copy would have in flight by itself; default: as many as it may. */
  readonly demand?: number;
  /** Whether the threads have too much to do themselves. */
  readonly busy?: boolean;
}

/** A request that is over. */
export interface SimulatedRequest extends SimulatedAnswer {
  readonly sentAtMs: number;
  readonly endedAtMs: number;
  /** When it was sent, with itself. */
  readonly inFlight: number;
}

export interface SimulationResult {
  readonly requests: readonly SimulatedRequest[];
  /** The limit as it was at each look of the keeper. */
  readonly limits: readonly { readonly atMs: number; readonly limit: number }[];
  readonly notices: readonly string[];
  /** How often the window became smaller by refusals, and by latency. */
  readonly backOffs: number;
  readonly throttles: number;
}

const LOOK_EVERY_MS = 25;

/** Asks a simulated server for as long as it is told. */
export function simulate(options: SimulationOptions): SimulationResult {
  const { maximum = 64, minDelayMs = 250, maxRetryAfterMs = 600_000, seconds } = options;
  const { server, start = maximum, demand = maximum, busy = false } = options;
  let nowMs = 0;
  const share = newWindow({ maximum, minDelayMs, maxRetryAfterMs });
  const state = new WindowState(share, () => BigInt(Math.round(nowMs * 1e6)));
  const notices: string[] = [];
  const counters = new Counters();
  const keeper = new WindowKeeper(state, { start, counters, notice: (line) => notices.push(line) });
  const requests: SimulatedRequest[] = [];
  const limits: { atMs: number; limit: number }[] = [];
  /** In the order in which they will end. */
  const underWay: SimulatedRequest[] = [];
  let serving = 0;
  let ticket: number | undefined;
  let nextLookMs = LOOK_EVERY_MS;

  const sendAll = (): void => {
    while (underWay.length < demand) {
      ticket ??= state.draw();
      if (!state.isTurn(ticket)) break;
      ticket = undefined;
      const inFlight = underWay.length + 1;
      const answer = server({ atMs: nowMs, others: serving });
      if (answer.status === 200) serving++;
      const endedAtMs = nowMs + answer.milliseconds;
      const later = underWay.findLastIndex((other) => other.endedAtMs <= endedAtMs);
      underWay.splice(later + 1, 0, { ...answer, sentAtMs: nowMs, endedAtMs, inFlight });
    }
  };
  const end = (request: SimulatedRequest): void => {
    const { status, milliseconds, retryAfterMs } = request;
    nowMs = request.endedAtMs;
    if (status === 200) {
      serving--;
      state.noteLatency(milliseconds);
    } else {
      state.refuse(status, milliseconds, retryAfterMs);
      state.countFailed();
    }
    if (busy) state.noteBusy();
    state.pass();
    requests.push(request);
  };

  while (nowMs < seconds * 1000) {
    sendAll();
    const first = underWay[0];
    if (first !== undefined && first.endedAtMs <= nextLookMs) {
      underWay.shift();
      end(first);
    } else {
      nowMs = nextLookMs;
      nextLookMs += LOOK_EVERY_MS;
      keeper.look();
      limits.push({ atMs: nowMs, limit: state.limit });
    }
  }
  return { requests, limits, notices, backOffs: state.backOffs, throttles: counters.get("throttles") };
}

/** Answers `most` requests at a time, and refuses what is beyond. */
export function refusing(most: number, answer: Omit<SimulatedAnswer, "status">, status = 429): Server {
  return ({ others }) =>
    others < most ? { status: 200, milliseconds: answer.milliseconds } : { ...answer, status };
}

/** Works on so many requests at a time, which takes so long each; the others wait. */
export function queueing(atATime: number, milliseconds: number): Server {
  const freeAtMs = Array.from({ length: atATime }, () => 0);
  return ({ atMs }) => {
    const next = freeAtMs.indexOf(Math.min(...freeAtMs));
    const doneAtMs = Math.max(atMs, freeAtMs[next] ?? 0) + milliseconds;
    freeAtMs[next] = doneAtMs;
    return { status: 200, milliseconds: doneAtMs - atMs };
  };
}
