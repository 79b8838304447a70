/** How the window of requests in flight follows what a source can do: in simulated time, by its rules alone. */

import { describe, expect, test } from "vitest";
import {
  queueing,
  refusing,
  type SimulatedRequest,
  type SimulationResult,
  simulate,
} from "../../../support/simulated-source.ts";

const refused = ({ status }: SimulatedRequest): boolean => status !== 200;

/** The requests that were sent in a span of time, in seconds. */
function sentFrom({ requests }: SimulationResult, from: number, to = Number.POSITIVE_INFINITY) {
  return requests.filter(({ sentAtMs }) => sentAtMs >= from * 1000 && sentAtMs < to * 1000);
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function most(numbers: readonly number[]): number {
  return numbers.reduce((greatest, number) => Math.max(greatest, number));
}

/** Objects a second, over a span of time in seconds. */
function speed(result: SimulationResult, from: number, to: number): number {
  return sentFrom(result, from, to).filter((request) => !refused(request)).length / (to - from);
}

/** How often the window became smaller. */
function timesSmaller({ limits }: SimulationResult): number {
  return limits.filter(({ limit }, i) => limit < (limits[i - 1]?.limit ?? 0)).length;
}

function limitAt({ limits }: SimulationResult, second: number): number | undefined {
  return limits.find(({ atMs }) => atMs >= second * 1000)?.limit;
}

describe("a source that refuses more than 8 requests at a time", () => {
  const server = refusing(8, { milliseconds: 50, retryAfterMs: 1000 });

  test("is soon asked for 8 at a time, and nearly nothing more", () => {
    const result = simulate({ server, seconds: 60 });
    expect(result.requests.filter(refused).length).toBeLessThan(100);
    const settled = sentFrom(result, 10);
    expect(settled.filter(refused).length).toBeLessThanOrEqual(3);
    expect(mean(settled.map(({ inFlight }) => inFlight))).toBeGreaterThan(7);
    expect(most(settled.map(({ inFlight }) => inFlight))).toBeLessThanOrEqual(9);
    // It could give 160.
    expect(speed(result, 10, 60)).toBeGreaterThan(144);
  });

  test("is tried beyond that with one request more, even if hundreds could have been answered meanwhile", () => {
    const result = simulate({ server: refusing(8, { milliseconds: 1, retryAfterMs: 100 }), seconds: 20 });
    expect(sentFrom(result, 3).filter(refused).length).toBeGreaterThan(2);
    expect(most(sentFrom(result, 3).map(({ inFlight }) => inFlight))).toBe(9);
  });

  test("refuses little even at first where a copy starts small", () => {
    const result = simulate({ server, seconds: 60, start: 4 });
    expect(result.requests.filter(refused).length).toBeLessThanOrEqual(16);
    expect(most(result.requests.map(({ inFlight }) => inFlight))).toBeLessThanOrEqual(16);
    expect(speed(result, 5, 60)).toBeGreaterThan(144);
  });

  test("is asked for nothing while its Retry-After lasts", () => {
    const { requests } = simulate({ server, seconds: 60 });
    for (const { endedAtMs } of requests.filter(refused)) {
      const during = requests.filter(({ sentAtMs }) => sentAtMs > endedAtMs && sentAtMs < endedAtMs + 1000);
      expect(during).toEqual([]);
    }
  });

  test("is not asked for more because of what it answers during the pause", () => {
    let asked = 0;
    const one = () =>
      ++asked === 1
        ? { status: 429, milliseconds: 10, retryAfterMs: 10_000 }
        : { status: 200, milliseconds: asked % 2 === 0 ? 1_000 : 2_000 };
    expect(limitAt(simulate({ server: one, seconds: 10 }), 9.9)).toBe(32);
  });

  test("that asks for long pauses is rarely tried beyond what it takes", () => {
    const slow = refusing(8, { milliseconds: 50, retryAfterMs: 60_000 });
    const result = simulate({ server: slow, seconds: 4000 });
    expect(sentFrom(result, 600).filter(refused).length).toBeLessThanOrEqual(4);
    expect(speed(result, 600, 4000)).toBeGreaterThan(144);
  });

  test("and now takes more is given more, up to the maximum", () => {
    const result = simulate({
      server: (request) => refusing(request.atMs < 10_000 ? 8 : 64, { milliseconds: 50 }, 503)(request),
      seconds: 40,
    });
    expect(limitAt(result, 9.9)).toBeLessThanOrEqual(8);
    expect(limitAt(result, 39)).toBe(64);
  });
});

test("one refusal without a reason costs a second's work, and is forgotten", () => {
  let answered = 0;
  const server = () =>
    ++answered === 5000 ? { status: 503, milliseconds: 50 } : { status: 200, milliseconds: 50 };
  const result = simulate({ server, seconds: 20 });
  expect(result.backOffs).toBe(1);
  expect(result.requests.length).toBeGreaterThan(19 * 64 * 20);
  expect(limitAt(result, 19)).toBe(64);
});

describe("a source that was out of order", () => {
  const server = ({ atMs }: { atMs: number }) => ({
    status: (atMs > 5_000 && atMs < 15_000) || (atMs > 40_000 && atMs < 40_060) ? 503 : 200,
    milliseconds: 50,
  });

  test("is asked now and then until it is back, and then soon for as much as before", () => {
    const result = simulate({ server, seconds: 25 });
    expect(sentFrom(result, 5.1, 15).length).toBeLessThan(60 + 10);
    expect(limitAt(result, 22)).toBeGreaterThanOrEqual(30);
  });

  test.each([64, 1])("does not lead to long pauses later, with %i requests at a time", (maximum) => {
    const { requests } = simulate({ server, seconds: 50, maximum });
    const pauses = requests.filter(refused).map(({ endedAtMs }) => {
      return Math.min(...requests.map(({ sentAtMs }) => sentAtMs).filter((at) => at > endedAtMs)) - endedAtMs;
    });
    expect(most(pauses)).toBeGreaterThanOrEqual(2_000);
    expect(pauses.at(-1)).toBeLessThan(300);
  });
});

test("a source that counts requests a second is asked in their time, with few more", () => {
  const perSecond = 10;
  let tokens = 20;
  let last = 0;
  const server = ({ atMs }: { atMs: number }) => {
    tokens = Math.min(20, tokens + ((atMs - last) / 1000) * perSecond) - 1;
    last = atMs;
    if (tokens >= 0) return { status: 200, milliseconds: 20 };
    tokens++;
    return { status: 503, milliseconds: 20 };
  };
  const result = simulate({ server, seconds: 120 });
  expect(speed(result, 10, 110)).toBeGreaterThan(9);
  expect(sentFrom(result, 10, 110).filter(refused).length).toBeLessThan(100);
});

describe("to begin with, a window", () => {
  test("doubles for as long as all goes well, until it holds nothing back", () => {
    const result = simulate({
      server: () => ({ status: 200, milliseconds: 1 }),
      seconds: 1,
      maximum: 256,
      start: 16,
    });
    const limits = result.limits.map(({ limit }) => limit);
    expect(limits[0]).toBe(32);
    limits.forEach((limit, i) => {
      expect(limit).toBeLessThanOrEqual(2 * (limits[i - 1] ?? 16));
    });
    expect(limitAt(result, 0.5)).toBe(256);
    expect(result.notices).toEqual([]);
  });

  test("does not grow while less than half of it is used", () => {
    const server = () => ({ status: 200, milliseconds: 50 });
    expect(limitAt(simulate({ server, seconds: 5, start: 16, demand: 7 }), 4)).toBe(16);
  });
});

describe("a source at which requests queue", () => {
  test("is asked for less at a time, and gives as much as before", () => {
    // 160 a second, from 8 requests on.
    const result = simulate({ server: queueing(8, 50), seconds: 60 });
    const settled = sentFrom(result, 10, 60);
    expect(mean(settled.map(({ inFlight }) => inFlight))).toBeLessThan(24);
    expect(most(settled.map(({ milliseconds }) => milliseconds))).toBeLessThanOrEqual(200);
    expect(settled.length / 50).toBeGreaterThan(159);
    expect(result.backOffs).toBe(0);
    expect(result.throttles).toBeGreaterThan(0);
    expect(result.notices[0]).toBe(
      "The source answers later the more it is asked at once: 32 in flight instead of 64",
    );
  });

  test.each([
    ["one at a time, quickly", queueing(1, 5), 200],
    ["a few, slowly", queueing(4, 200), 20],
    ["many", queueing(30, 150), 200],
  ])("gives all it has where it works on %s", (_how, server, perSecond) => {
    const result = simulate({ server, seconds: 140 });
    expect(result.throttles).toBeGreaterThan(0);
    expect(sentFrom(result, 40, 140).length / 100).toBeGreaterThan(0.97 * perSecond);
  });

  test("for less than a tenth of a second is asked on: so short is the queue at this machine's own processors", () => {
    const result = simulate({ server: queueing(1, 1.4), seconds: 20 });
    expect(result.limits.every(({ limit }) => limit === 64)).toBe(true);
  });

  test("is not blamed where this machine has too much to do itself", () => {
    const result = simulate({ server: queueing(8, 50), seconds: 20, busy: true });
    expect(result.limits.every(({ limit }) => limit === 64)).toBe(true);
  });

  test("is not asked for less than the copy asks for anyway", () => {
    const server = ({ atMs }: { atMs: number }) => ({ status: 200, milliseconds: atMs < 1000 ? 20 : 400 });
    const result = simulate({ server, seconds: 60, demand: 20 });
    expect(result.limits.every(({ limit }) => limit === 64)).toBe(true);
  });
});

describe("latency that does not come from a queue", () => {
  test("is tried once, and nobody is told", () => {
    const server = ({ atMs }: { atMs: number }) => ({ status: 200, milliseconds: atMs < 5000 ? 20 : 400 });
    const result = simulate({ server, seconds: 200 });
    expect(Math.min(...result.limits.map(({ limit }) => limit))).toBe(32);
    expect(limitAt(result, 10)).toBe(64);
    expect(timesSmaller(result)).toBe(1);
    // 64 at a time that take 0.4 s: 160 a second.
    expect(speed(result, 6, 199)).toBeGreaterThan(0.97 * 160);
    expect(result.notices).toEqual([]);
    expect(result.throttles).toBe(0);
  });

  test("and comes and goes is tried once a minute", () => {
    const server = ({ atMs }: { atMs: number }) => ({
      status: 200,
      milliseconds: atMs % 10_000 < 5000 ? 20 : 400,
    });
    const result = simulate({ server, seconds: 180 });
    expect(timesSmaller(result)).toBe(3);
    expect(limitAt(result, 179)).toBe(64);
  });

  test("that is less than twice the least is not tried: half as much might not be enough for as many objects", () => {
    const server = ({ atMs }: { atMs: number }) => ({ status: 200, milliseconds: atMs < 5000 ? 300 : 550 });
    expect(timesSmaller(simulate({ server, seconds: 60 }))).toBe(0);
  });

  test("does not bring back what was refused during the trial", () => {
    let refusals = 0;
    const server = ({ atMs, others }: { atMs: number; others: number }) => {
      if (others === 31 && ++refusals === 1) return { status: 503, milliseconds: 400 };
      return { status: 200, milliseconds: atMs < 5000 ? 20 : 400 };
    };
    const result = simulate({
      server: (request) => (request.atMs < 5000 ? { status: 200, milliseconds: 20 } : server(request)),
      seconds: 30,
    });
    const refusedAtMs = result.requests.find(refused)?.endedAtMs ?? 0;
    expect(refusedAtMs).toBeGreaterThan(5000);
    expect(limitAt(result, refusedAtMs / 1000 + 3)).toBeLessThan(32);
  });

  test("of some objects alone changes nothing", () => {
    let asked = 0;
    const server = () => ({ status: 200, milliseconds: ++asked % 16 === 0 ? 20 : 900 });
    const result = simulate({ server, seconds: 60 });
    expect(result.limits.every(({ limit }) => limit === 64)).toBe(true);
  });

  test("for a moment changes nothing", () => {
    const server = ({ atMs }: { atMs: number }) => ({
      status: 200,
      milliseconds: atMs % 5000 < 50 ? 900 : 20,
    });
    const result = simulate({ server, seconds: 21 });
    expect(result.limits.every(({ limit }) => limit === 64)).toBe(true);
  });
});

describe("the operator", () => {
  test("is told what the source asks for, and of a long pause", () => {
    const server = refusing(8, { milliseconds: 50, retryAfterMs: 60_000 });
    expect(simulate({ server, seconds: 30 }).notices).toEqual([
      "The source asks for fewer requests (429): 32 in flight instead of 64, after a pause of 60 s",
    ]);
  });

  test("who allows no more than one request is told no other number", () => {
    const server = refusing(0, { milliseconds: 50, retryAfterMs: 60_000 });
    expect(simulate({ server, seconds: 30, maximum: 1 }).notices).toEqual([
      "The source asks for fewer requests (429): 1 in flight, after a pause of 60 s",
    ]);
  });

  test("is told again when it has come down to the half, and else now and then", () => {
    const server = refusing(8, { milliseconds: 50, retryAfterMs: 1000 });
    const { notices, backOffs } = simulate({ server, seconds: 1300 });
    expect(backOffs).toBeGreaterThan(50);
    expect(notices.slice(0, 2)).toEqual([
      "The source asks for fewer requests (429): 32 in flight instead of 64",
      "The source asks for fewer requests (429): 4 in flight instead of 64",
    ]);
    expect(notices).toHaveLength(4);
  });

  test("is not told of every single refusal", () => {
    const last = { atMs: 0 };
    const server = ({ atMs }: { atMs: number }) => {
      if (atMs < last.atMs + 4_000) return { status: 200, milliseconds: 50 };
      last.atMs = atMs;
      return { status: 503, milliseconds: 50 };
    };
    const { notices, backOffs } = simulate({ server, seconds: 60 });
    expect(backOffs).toBeGreaterThan(12);
    expect(notices).toHaveLength(1);
  });
});
