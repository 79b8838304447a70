/** What all threads share of the limit: whose turn it is, and how a refusal stops all of them. */

import { describe, expect, test } from "vitest";
import {
  type LimitOptions,
  newSharedLimit,
  SharedLimit,
} from "../../../../lib/migrate/throttle/shared-limit.ts";

/** The limit as several threads see it, and their clock in milliseconds. */
function limitOf(
  options: Partial<LimitOptions> = {},
  threads = 1,
): { limits: SharedLimit[]; limit: SharedLimit; clock: { nowMs: number } } {
  const { maximum = 64, start = maximum } = options;
  const share = newSharedLimit({ maximum, start, minDelayMs: 250, maxRetryAfterMs: 60_000, ...options });
  const clock = { nowMs: 5_000 };
  const limits = Array.from(
    { length: threads },
    () => new SharedLimit(share, () => BigInt(Math.round(clock.nowMs * 1e6))),
  );
  return { limits, limit: limits[0] as SharedLimit, clock };
}

/** How long the pause lasts from now on, in milliseconds. */
function pauseLeft(limit: SharedLimit, clock: { nowMs: number }): number {
  const start = clock.nowMs;
  while (limit.isPaused) clock.nowMs++;
  const left = clock.nowMs - start;
  clock.nowMs = start;
  return left;
}

/** So many requests start and succeed. */
function succeed(limit: SharedLimit, times: number): void {
  for (let i = 0; i < times; i++) {
    limit.draw();
    limit.succeed();
    limit.pass();
  }
}

describe("a turn", () => {
  test("comes in the order of the tickets, over all threads, when one before has passed", () => {
    const { limits, limit } = limitOf({ start: 2 }, 2);
    const tickets = Array.from({ length: 4 }, (_, i) => (limits[i % 2] as SharedLimit).draw());
    const turns = () => tickets.map((ticket) => limit.isTurn(ticket));
    expect(turns()).toEqual([true, true, false, false]);
    limits[1]?.pass();
    expect(turns()).toEqual([true, true, true, false]);
    limit.pass();
    expect(turns()).toEqual([true, true, true, true]);
  });

  test("comes at once at the maximum, which holds nothing back", () => {
    const { limit } = limitOf({ maximum: 2 });
    expect(Array.from({ length: 9 }, () => limit.isTurn(limit.draw()))).not.toContain(false);
    expect(limit.limit).toBe(2);
  });

  test("is right when the counters have overflowed", () => {
    const share = newSharedLimit({ maximum: 8, start: 2, minDelayMs: 1, maxRetryAfterMs: 1 });
    // As many tickets drawn as passed.
    new Int32Array(share.shared, 0, 32).fill(2 ** 31 - 1);
    const limit = new SharedLimit(share);
    const turns = [limit.draw(), limit.draw(), limit.draw()].map((ticket) => limit.isTurn(ticket));
    expect(turns).toEqual([true, true, false]);
    expect(limit.load).toBe(3);
  });
});

describe("a 429", () => {
  test("halves the limit, and stops every thread for as long as it asks", () => {
    const { limits, limit, clock } = limitOf({}, 2);
    expect(limits[1]?.refuse(429, 80, 7_000)).toBe(true);
    expect(limit.limit).toBe(32);
    expect(pauseLeft(limit, clock)).toBe(7_000);
    expect(limit.isTurn(limit.draw())).toBe(false);
    clock.nowMs += 7_000;
    expect(limit.isTurn(limit.draw())).toBe(true);
    expect(limit.lastBackOff).toEqual({ status: 429, pauseMs: 7_000 });
  });

  test("counts once with all others of requests that were under way with it, in whatever thread", () => {
    const { limits, limit, clock } = limitOf({}, 4);
    const halved = Array.from({ length: 64 }, (_, i) => {
      clock.nowMs += 1;
      return (limits[i % 4] as SharedLimit).refuse(429, 100, undefined);
    });
    expect(halved.filter(Boolean)).toHaveLength(1);
    expect(limit.limit).toBe(32);
    expect(limit.backOffs).toBe(1);
    // Of the first alone.
    expect(pauseLeft(limit, clock)).toBe(250 - 63);
  });

  test("changes nothing where its request was sent before the end of the last pause", () => {
    const { limit, clock } = limitOf();
    limit.refuse(429, 10, 1_000);
    clock.nowMs += 1_500;
    expect(limit.refuse(429, 501, undefined)).toBe(false);
    expect(limit.isPaused).toBe(false);
    expect(limit.refuse(429, 500, undefined)).toBe(true);
    expect(limit.limit).toBe(16);
  });

  test("during a pause makes it longer if it asks for that, and never shorter", () => {
    const { limit, clock } = limitOf();
    limit.refuse(429, 10, 5_000);
    expect(limit.refuse(429, 10, 2_000)).toBe(false);
    expect(pauseLeft(limit, clock)).toBe(5_000);
    expect(limit.refuse(429, 10, 9_000)).toBe(false);
    expect(pauseLeft(limit, clock)).toBe(9_000);
    expect(limit.limit).toBe(32);
  });

  test("asks for a pause in vain beyond the longest that is waited", () => {
    const { limit, clock } = limitOf({ maxRetryAfterMs: 2_000 });
    limit.refuse(429, 10, 86_400_000);
    expect(pauseLeft(limit, clock)).toBe(2_000);
  });

  test.each([undefined, 0, 30])("that asks for %s ms leads to the short pause", (retryAfterMs) => {
    const { limit, clock } = limitOf();
    limit.refuse(429, 10, retryAfterMs);
    expect(pauseLeft(limit, clock)).toBe(250);
  });

  test("leaves one request in flight at least; then the short pause grows, to a bound, and shrinks again", () => {
    const { limit, clock } = limitOf({ maximum: 2 });
    const pauses = Array.from({ length: 7 }, () => {
      limit.refuse(429, 0, undefined);
      const pause = pauseLeft(limit, clock);
      clock.nowMs += pause;
      return pause;
    });
    expect(limit.limit).toBe(1);
    expect(pauses).toEqual([250, 250, 500, 1_000, 2_000, 2_000, 2_000]);
    succeed(limit, 15);
    limit.refuse(429, 0, undefined);
    expect(pauseLeft(limit, clock)).toBe(2_000);
    clock.nowMs += 2_000;
    succeed(limit, 16);
    limit.refuse(429, 0, undefined);
    expect(pauseLeft(limit, clock)).toBe(250);
  });
});

describe("a 503", () => {
  /** How many in a row change nothing, in whatever thread. */
  function strays(limits: readonly SharedLimit[]): number {
    let count = 0;
    while (count < 100 && limits[count % limits.length]?.refuse(503, 0, 5_000) === false) count++;
    return count;
  }

  test("is a stray where it is one in ten answers, in whatever thread, and changes nothing", () => {
    const { limits, limit } = limitOf({}, 2);
    for (let i = 0; i < 1_000; i++) {
      succeed(limits[i % 2] as SharedLimit, 9);
      expect(limits[(i + 1) % 2]?.refuse(503, 10, 5_000)).toBe(false);
    }
    expect([limit.limit, limit.isPaused, limit.backOffs]).toEqual([64, false, 0]);
  });

  test("is a refusal like any other after four at first, and after twelve where all went well before", () => {
    const { limits, limit, clock } = limitOf({}, 2);
    expect(strays(limits)).toBe(4);
    expect([limit.limit, pauseLeft(limit, clock)]).toEqual([32, 5_000]);
    clock.nowMs += 5_000;
    succeed(limit, 1_000);
    expect(strays(limits)).toBe(12);
  });

  test("is one at once where the last one was", () => {
    const { limits, limit, clock } = limitOf();
    strays(limits);
    clock.nowMs += 5_000;
    succeed(limit, 8);
    expect(strays(limits)).toBe(0);
    expect(limit.backOffs).toBe(2);
  });

  test("is not paid for by what was refused together with the last one", () => {
    const { limits, limit, clock } = limitOf();
    succeed(limit, 100);
    limit.refuse(429, 10, 5_000);
    clock.nowMs += 5_000;
    succeed(limit, 9 * 3);
    for (let i = 0; i < 64; i++) limit.refuse(503, 6_000, undefined);
    expect(strays(limits)).toBe(3);
  });
});

describe("a thread that waits", () => {
  test("is woken when another request is over", async () => {
    const { limits, limit } = limitOf({}, 2);
    const { passed } = limit;
    const slept = limit.sleep(passed, 600_000);
    limits[1]?.pass();
    await slept;
    expect(limit.passed).toBe(passed + 1);
  }, 10_000);

  test("is woken when the limit grows", async () => {
    const { limits, limit } = limitOf({ maximum: 64, start: 1 }, 2);
    const slept = limit.sleep(limit.passed, 600_000);
    limit.draw();
    limits[1]?.succeed();
    await slept;
    expect(limit.limit).toBe(2);
  }, 10_000);

  test("does not sleep over what was over before", async () => {
    const { limits, limit } = limitOf({}, 2);
    const { passed } = limit;
    limits[1]?.pass();
    await limit.sleep(passed, 600_000);
    expect(limit.passed).toBe(passed + 1);
  }, 10_000);
});

describe("a new connection that the source does not take", () => {
  /** So many connections are open that were served, each with a request in flight, and one more that is not. */
  function withOpen(open: number, inFlight: number, options: Partial<LimitOptions> = {}) {
    const made = limitOf(options, 2);
    for (let i = 0; i < open; i++) made.limit.connections.connected(20);
    for (let i = 0; i < inFlight; i++) made.limit.draw();
    return made;
  }

  test("leaves as many requests in flight as it does take, and pauses nothing", () => {
    const { limits, limit } = withOpen(0, 16, { start: 16 });
    for (let refused = 0; refused < 12; refused++) {
      expect(limits[refused % 2]?.turnAway(1)).toBe(true);
      limit.pass();
    }
    expect([limit.limit, limit.load, limit.isPaused]).toEqual([4, 4, false]);
    expect(limit.connections.areScarce).toBe(true);
  });

  test("leaves no fewer than are open, whatever they carry", () => {
    const { limit } = withOpen(4, 3, { start: 16 });
    limit.turnAway(1);
    expect(limit.limit).toBe(4);
  });

  test("is a stray where it is one in ten", () => {
    const { limit } = withOpen(0, 16);
    for (let i = 0; i < 100; i++) {
      for (let served = 0; served < 9; served++) limit.connections.connected(20);
      expect(limit.turnAway(1)).toBe(false);
    }
    expect([limit.limit, limit.backOffs]).toEqual([64, 0]);
  });

  test("holds back what is beyond the limit even where that is the most, until none was turned away for long", () => {
    const { limit, clock } = withOpen(1, 1, { maximum: 1 });
    limit.turnAway(1);
    expect(limit.isTurn(limit.draw())).toBe(false);
    limit.pass();
    clock.nowMs += 4_900;
    limit.succeed();
    expect(limit.connections.areScarce).toBe(true);
    clock.nowMs += 200;
    limit.succeed();
    expect(limit.connections.areScarce).toBe(false);
    expect([limit.draw(), limit.draw()].map((ticket) => limit.isTurn(ticket))).toEqual([true, true]);
  });

  test("is tried again after twenty times as long as it took to find out, one at a time", () => {
    const { limit, clock } = withOpen(2, 3, { start: 3 });
    limit.turnAway(1);
    limit.pass();
    // From now on no thread has a connection that carries nothing.
    clock.nowMs += 10_000;
    limit.turnAway(1_000);
    expect(limit.limit).toBe(2);
    clock.nowMs += 19_000;
    for (let i = 0; i < 20; i++) limit.succeed();
    expect(limit.limit).toBe(2);
    clock.nowMs += 2_000;
    for (let i = 0; i < 20; i++) limit.succeed();
    expect(limit.limit).toBe(3);
    // The one more may be without an answer for as long as the last.
    clock.nowMs += 1_900;
    for (let i = 0; i < 20; i++) limit.succeed();
    expect(limit.limit).toBe(3);
    clock.nowMs += 200;
    for (let i = 0; i < 20; i++) limit.succeed();
    expect(limit.limit).toBe(4);
  });

  test("had as much time as four times the slowest, first answers of others and late ones, and a second at least", () => {
    const { connections } = limitOf().limit;
    expect(connections.firstAnswerMs).toBe(1_000);
    connections.connected(900);
    expect(connections.firstAnswerMs).toBe(3_600);
    connections.answered(2_000);
    expect(connections.firstAnswerMs).toBe(8_000);
    for (let i = 0; i < 1_000; i++) connections.answered(10);
    expect(connections.firstAnswerMs).toBe(3_600);
  });
});

describe("the limit that a source states", () => {
  test("tells how long requests take before any is refused: those beyond what it allows at once", () => {
    const { pace } = limitOf().limit;
    expect(pace.secondsFor(100)).toBe(undefined);
    pace.state({ requests: 35, seconds: 60 });
    expect(pace.secondsFor(35)).toBe(0);
    expect(pace.secondsFor(70)).toBeCloseTo(60, 3);
    expect(pace.isKept).toBe(false);
  });

  test("is kept once a 429 says that it was reached, by all threads together, and never exceeded later", () => {
    const { limits, limit, clock } = limitOf({}, 2);
    limit.pace.state({ requests: 60, seconds: 60 });
    limits[1]?.refuse(429, 10, 5_000);
    limit.pace.state({ requests: 600, seconds: 60 });
    clock.nowMs += 5_000;
    const sentAt: number[] = [];
    for (let ms = 0; ms < 10_000; ms++, clock.nowMs++) {
      const thread = limits[ms % 2] as SharedLimit;
      if (thread.isTurn(thread.draw())) sentAt.push(ms);
      thread.pass();
    }
    expect(sentAt).toHaveLength(10);
  });

  test("is bounded by the longest wait, whatever it is", () => {
    const { pace } = limitOf({ maxRetryAfterMs: 2_000 }).limit;
    pace.state({ requests: 1, seconds: 1e9 });
    expect(pace.secondsFor(2)).toBe(2);
  });
});

describe("a maximum that is set anew", () => {
  test("holds back what the connections would allow, in all threads, and is not grown over", () => {
    const { limits, limit } = limitOf({ maximum: 8 }, 2);
    limit.maximum = 2;
    expect(limits.map(({ maximum, limit: now }) => [maximum, now])).toEqual([
      [2, 2],
      [2, 2],
    ]);
    const turns = Array.from({ length: 4 }, () => limits[1]?.isTurn(limits[1].draw()));
    expect(turns).toEqual([true, true, false, false]);
    for (let i = 0; i < 4; i++) limit.pass();
    succeed(limit, 100);
    expect(limit.limit).toBe(2);
  });

  test("lets the limit grow again where it is higher", () => {
    const { limit } = limitOf({ maximum: 8 });
    limit.maximum = 2;
    limit.maximum = 8;
    succeed(limit, 100);
    expect(limit.limit).toBeGreaterThan(2);
  });
});
