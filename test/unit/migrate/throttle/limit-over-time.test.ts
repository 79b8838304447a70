/** How the limit on requests in flight follows what a source can do, and what is reported of it: in simulated time. */

import { describe, expect, test } from "vitest";
import {
  countingMinutes,
  metering,
  refusing,
  type Server,
  type SimulatedRequest,
  type SimulationResult,
  simulate,
  strayRefusals,
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
    const slow = refusing(8, { milliseconds: 200, retryAfterMs: 60_000 });
    const result = simulate({ server: slow, seconds: 4000 });
    expect(sentFrom(result, 600).filter(refused).length).toBeLessThanOrEqual(4);
    // It could give 40.
    expect(speed(result, 600, 4000)).toBeGreaterThan(36);
  });

  test("and now takes more is given more, up to the maximum", () => {
    const growing: Server = (request) =>
      refusing(request.atMs < 10_000 ? 8 : 64, { milliseconds: 50 }, 503)(request);
    const result = simulate({ server: growing, seconds: 40 });
    expect(limitAt(result, 9.9)).toBeLessThanOrEqual(8);
    expect(limitAt(result, 39)).toBe(64);
  });
});

test("one 429 costs a second's work, and is forgotten", () => {
  let answered = 0;
  const server = () => ({ status: ++answered === 5000 ? 429 : 200, milliseconds: 50 });
  const result = simulate({ server, seconds: 20 });
  expect(result.backOffs).toBe(1);
  expect(result.requests.length).toBeGreaterThan(19 * 64 * 20);
  expect(limitAt(result, 19)).toBe(64);
});

describe("a source that was out of order", () => {
  const outOfOrder =
    (status: number): Server =>
    ({ atMs }) => ({
      status: (atMs > 5_000 && atMs < 15_000) || (atMs > 40_000 && atMs < 40_060) ? status : 200,
      milliseconds: 50,
    });

  test.each([
    [429, 70],
    [503, 90],
  ])("and answers %i is asked now and then until it is back, then soon for all as before", (status, few) => {
    const result = simulate({ server: outOfOrder(status), seconds: 25 });
    expect(sentFrom(result, 5.1, 15).length).toBeLessThan(few);
    expect(limitAt(result, 22)).toBeGreaterThanOrEqual(30);
  });

  test.each([64, 1])("does not lead to long pauses later, with %i requests at a time", (maximum) => {
    const { requests } = simulate({ server: outOfOrder(429), seconds: 50, maximum });
    const pauses = requests.filter(refused).map(({ endedAtMs }) => {
      return Math.min(...requests.map(({ sentAtMs }) => sentAtMs).filter((at) => at > endedAtMs)) - endedAtMs;
    });
    expect(most(pauses)).toBeGreaterThanOrEqual(2_000);
    expect(pauses.at(-1)).toBeLessThan(300);
  });
});

describe("a source that counts requests a second", () => {
  test.each([
    [429, 100],
    [503, 150],
  ])("and answers those beyond by %i is asked in time, with fewer than %i more in 100 s", (status, more) => {
    const server = metering(10, 20, { status, milliseconds: 20 });
    const result = simulate({ server, seconds: 120 });
    expect(speed(result, 10, 110)).toBeGreaterThan(9);
    expect(sentFrom(result, 10, 110).filter(refused).length).toBeLessThan(more);
  });
});

describe("a source that answers 35 requests a minute and asks those beyond to come back after it", () => {
  test.each([
    ["states its limit", { requests: 35, seconds: 60 }, 61],
    ["does not", undefined, 181],
  ])("is asked steadily once it is known where it %s, and hardly refuses any more", (_how, stated, known) => {
    const result = simulate({ server: countingMinutes(35, stated), seconds: 3_700, start: 16 });
    const settled = sentFrom(result, known, 3_661);
    const minutes = (3_661 - known) / 60;
    expect(settled.filter(refused).length).toBeLessThanOrEqual(1);
    expect(settled.length / minutes).toBeGreaterThan(0.95 * 35);
    expect(settled.length / minutes).toBeLessThanOrEqual(35);
    const sent = settled.map(({ sentAtMs }) => sentAtMs).sort((a, b) => a - b);
    const gaps = sent.slice(1).map((at, i) => at - (sent[i] ?? 0));
    expect(most(gaps)).toBeLessThan(2_000);
    expect(Math.min(...gaps)).toBeGreaterThan(1_500);
  });
});

describe("to begin with, a limit", () => {
  const good: Server = () => ({ status: 200, milliseconds: 50 });

  test("doubles with every round trip for as long as all goes well, until it holds nothing back", () => {
    const result = simulate({ server: good, seconds: 1, maximum: 256, start: 16 });
    expect([0.06, 0.11, 0.16, 0.21].map((second) => limitAt(result, second))).toEqual([32, 64, 128, 256]);
    expect(result.notices).toEqual([]);
  });

  test("does not grow while less than half of it is used", () => {
    expect(limitAt(simulate({ server: good, seconds: 5, start: 16, demand: 7 }), 4)).toBe(16);
  });

  test("grows on where single requests are answered by 503 at random", () => {
    const server = strayRefusals(0.05, good);
    expect(limitAt(simulate({ server, seconds: 2, maximum: 256, start: 16 }), 1)).toBe(256);
  });
});

/** The median over so many copies, each with other refusals. */
function median(copies: number, figure: (seed: number) => number): number {
  const all = Array.from({ length: copies }, (_, i) => figure(i + 1)).sort((a, b) => a - b);
  return all[copies >> 1] as number;
}

describe("a copy of 600,000 entries from a source that answers 503 at random", () => {
  // Their bundles. 10 ms are what a request takes where the source is on the same machine and keeps it busy.
  const copy = { objects: 2344, maximum: 32, start: 16, seconds: 1000 };
  const good =
    (milliseconds: number): Server =>
    () => ({ status: 200, milliseconds });

  describe.each([10, 50])("after %i ms", (milliseconds) => {
    const undisturbed = simulate({ ...copy, server: good(milliseconds) }).seconds;

    test.each([
      [0.001, 0.95],
      [0.01, 0.85],
      [0.05, 0.6],
    ])("to a share of %d of all requests keeps %d of its speed", (share, kept) => {
      const seconds = median(15, (seed) => {
        return simulate({ ...copy, server: strayRefusals(share, good(milliseconds), seed) }).seconds;
      });
      expect(undisturbed / seconds).toBeGreaterThanOrEqual(kept);
    });
  });

  test("makes the limit no smaller, and reports nothing", () => {
    const long = { ...copy, objects: 50_000, server: strayRefusals(0.05, good(20)) };
    const { requests, backOffs, throttles, notices } = simulate(long);
    expect(requests.filter(refused).length).toBeGreaterThan(2_000);
    expect({ backOffs, throttles, notices }).toEqual({ backOffs: 0, throttles: 0, notices: [] });
  });

  test("goes at its full speed again soon after it was out of order", () => {
    const server: Server = ({ atMs }) => ({
      status: atMs > 2_000 && atMs < 4_000 ? 503 : 200,
      milliseconds: 20,
    });
    const result = simulate({ server: strayRefusals(0.05, server), seconds: 60, maximum: 32, start: 16 });
    expect(result.backOffs).toBeGreaterThan(0);
    expect(limitAt(result, 10)).toBeGreaterThanOrEqual(28);
    expect(speed(result, 10, 60)).toBeGreaterThan(0.8 * 1_600);
  });
});

describe("a source that answers all by 503 beyond", () => {
  test.each([
    ["8 at a time, as slowly as others", 8, 50],
    ["8 at a time, at once", 8, 1],
    ["30 at a time, at once", 30, 1],
  ])("%s, is asked for that and hardly more", (_what, most, milliseconds) => {
    const server: Server = ({ others }) =>
      others < most ? { status: 200, milliseconds: 50 } : { status: 503, milliseconds };
    const result = simulate({ server, seconds: 60, start: 16 });
    const settled = sentFrom(result, 10);
    expect(settled.filter(refused).length / settled.length).toBeLessThan(0.01);
    expect(speed(result, 10, 60)).toBeGreaterThan((0.95 * most) / 0.05);
    expect(result.limits.slice(400).every(({ limit }) => limit <= most + 1)).toBe(true);
    expect(result.requests.filter(refused).length).toBeLessThan(150);
    expect(result.backOffs).toBeGreaterThan(0);
  });

  test("20 at a time is asked for one more at most, while each of these is refused as slowly as others answered", () => {
    const result = simulate({ server: refusing(20, { milliseconds: 50 }, 503), seconds: 60, start: 16 });
    expect(most(result.limits.slice(400).map(({ limit }) => limit))).toBe(21);
    const settled = sentFrom(result, 10);
    expect(settled.filter(refused).length / settled.length).toBeLessThan(0.05);
    expect(speed(result, 10, 60)).toBeGreaterThan(0.95 * 400);
  });

  test.each([1, 64])("nothing is asked for less and less, from %i at a time", (start) => {
    const server = () => ({ status: 503, milliseconds: 20 });
    const result = simulate({ server, seconds: 60, start, maximum: 64 });
    expect(sentFrom(result, 0, 10).length).toBeLessThan(2 * start + 20);
    expect(sentFrom(result, 10).length).toBeLessThanOrEqual(26);
    expect(limitAt(result, 10)).toBe(1);
  });

  test("a tenth of the answers is asked for less", () => {
    const server = strayRefusals(0.25, () => ({ status: 200, milliseconds: 50 }));
    const result = simulate({ server, seconds: 60 });
    expect(result.backOffs).toBeGreaterThan(20);
    expect(most(result.limits.slice(400).map(({ limit }) => limit))).toBeLessThan(16);
  });
});

describe("the operator", () => {
  test("reads what the source asks for, and of a long pause", () => {
    const server = refusing(8, { milliseconds: 50, retryAfterMs: 60_000 });
    expect(simulate({ server, seconds: 30 }).notices).toEqual([
      "The source asks for fewer requests (429): 32 in flight instead of 64, after a pause of 60 s",
    ]);
  });

  test("reads no other number than one where one request is allowed", () => {
    const server = refusing(0, { milliseconds: 50, retryAfterMs: 60_000 });
    expect(simulate({ server, seconds: 30, maximum: 1 }).notices).toEqual([
      "The source asks for fewer requests (429): 1 in flight, after a pause of 60 s",
    ]);
  });

  test("reads it again when the limit has come down to the half, and else now and then", () => {
    const server = refusing(8, { milliseconds: 200, retryAfterMs: 1000 });
    const { notices, backOffs } = simulate({ server, seconds: 1300 });
    expect(backOffs).toBeGreaterThan(50);
    expect(notices.slice(0, 2)).toEqual([
      "The source asks for fewer requests (429): 32 in flight instead of 64",
      "The source asks for fewer requests (429): 4 in flight instead of 64",
    ]);
    expect(notices).toHaveLength(4);
  });

  test("does not read of every single refusal", () => {
    const last = { atMs: 0 };
    const server = ({ atMs }: { atMs: number }) => {
      if (atMs < last.atMs + 4_000) return { status: 200, milliseconds: 50 };
      last.atMs = atMs;
      return { status: 429, milliseconds: 50 };
    };
    const { notices, backOffs } = simulate({ server, seconds: 60 });
    expect(backOffs).toBeGreaterThan(12);
    expect(notices).toHaveLength(1);
  });
});
