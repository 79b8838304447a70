/** What all threads share of the window: whose turn it is, and how a refusal closes it for all of them. */

import { describe, expect, test } from "vitest";
import { newWindow, type WindowOptions, WindowState } from "../../../../lib/migrate/throttle/shared-limit.ts";

/** States of several threads that share a window, and their clock in milliseconds. */
function windowOf(
  options: Partial<WindowOptions> = {},
  threads = 1,
): { states: WindowState[]; state: WindowState; clock: { nowMs: number } } {
  const share = newWindow({ maximum: 64, minDelayMs: 250, maxRetryAfterMs: 60_000, ...options });
  const clock = { nowMs: 5_000 };
  const states = Array.from(
    { length: threads },
    () => new WindowState(share, () => BigInt(Math.round(clock.nowMs * 1e6))),
  );
  return { states, state: states[0] as WindowState, clock };
}

/** How long the pause lasts from now on, in milliseconds. */
function pauseLeft(state: WindowState, clock: { nowMs: number }): number {
  const start = clock.nowMs;
  while (state.paused) clock.nowMs++;
  const left = clock.nowMs - start;
  clock.nowMs = start;
  return left;
}

describe("a turn", () => {
  test("comes in the order of the tickets, over all threads, when one before has passed", () => {
    const { states, state } = windowOf({}, 2);
    state.move(64, 2);
    const tickets = Array.from({ length: 4 }, (_, i) => (states[i % 2] as WindowState).draw());
    const turns = () => tickets.map((ticket) => state.isTurn(ticket));
    expect(turns()).toEqual([true, true, false, false]);
    states[1]?.pass();
    expect(turns()).toEqual([true, true, true, false]);
    state.pass();
    expect(turns()).toEqual([true, true, true, true]);
  });

  test("comes at once in a window at its maximum, which holds nothing back", () => {
    const { state } = windowOf({ maximum: 2 });
    expect(Array.from({ length: 9 }, () => state.isTurn(state.draw()))).not.toContain(false);
    expect(state.limit).toBe(2);
  });

  test("is right when the counters have gone round", () => {
    const share = newWindow({ maximum: 8, minDelayMs: 1, maxRetryAfterMs: 1 });
    // All words alike: as many tickets drawn as passed, and the limit is set again.
    new Int32Array(share.shared, 0, 32).fill(2 ** 31 - 1);
    const state = new WindowState(share);
    state.move(8, 2);
    expect([state.draw(), state.draw(), state.draw()].map((ticket) => state.isTurn(ticket))).toEqual([
      true,
      true,
      false,
    ]);
    expect(state.load).toBe(3);
  });
});

describe("a refusal", () => {
  test("halves the limit, and closes the window to every thread for as long as it asks", () => {
    const { states, state, clock } = windowOf({}, 2);
    expect(states[1]?.refuse(429, 80, 7_000)).toBe(true);
    expect(state.limit).toBe(32);
    expect(pauseLeft(state, clock)).toBe(7_000);
    expect(state.isTurn(state.draw())).toBe(false);
    clock.nowMs += 7_000;
    expect(state.isTurn(state.draw())).toBe(true);
    expect(state.lastBackOff).toEqual({ status: 429, from: 64, pauseMs: 7_000 });
  });

  test("is one with all others of requests that were under way with it, in whatever thread", () => {
    const { states, state, clock } = windowOf({}, 4);
    const news = Array.from({ length: 64 }, (_, i) => {
      clock.nowMs += 1;
      return (states[i % 4] as WindowState).refuse(503, 100, undefined);
    });
    expect(news.filter(Boolean)).toHaveLength(1);
    expect(state.limit).toBe(32);
    expect(state.backOffs).toBe(1);
    // Of the first alone.
    expect(pauseLeft(state, clock)).toBe(250 - 63);
  });

  test("is old news for as long as its request was sent before the last pause was over", () => {
    const { state, clock } = windowOf();
    state.refuse(429, 10, 1_000);
    clock.nowMs += 1_500;
    expect(state.refuse(429, 501, undefined)).toBe(false);
    expect(state.paused).toBe(false);
    expect(state.refuse(429, 500, undefined)).toBe(true);
    expect(state.limit).toBe(16);
  });

  test("that is old news makes the pause longer if it asks for that, and never shorter", () => {
    const { state, clock } = windowOf();
    state.refuse(429, 10, 5_000);
    expect(state.refuse(429, 10, 2_000)).toBe(false);
    expect(pauseLeft(state, clock)).toBe(5_000);
    expect(state.refuse(429, 10, 9_000)).toBe(false);
    expect(pauseLeft(state, clock)).toBe(9_000);
    expect(state.limit).toBe(32);
  });

  test("asks for a pause in vain beyond the longest that is waited", () => {
    const { state, clock } = windowOf({ maxRetryAfterMs: 2_000 });
    state.refuse(429, 10, 86_400_000);
    expect(pauseLeft(state, clock)).toBe(2_000);
  });

  test.each([undefined, 0, 30])("that asks for %s ms leads to the short pause", (retryAfterMs) => {
    const { state, clock } = windowOf();
    state.refuse(503, 10, retryAfterMs);
    expect(pauseLeft(state, clock)).toBe(250);
  });

  test("leaves one request in flight at least; then the short pause grows, to a bound, and shrinks again", () => {
    const { state, clock } = windowOf({ maximum: 2 });
    const pauses = Array.from({ length: 7 }, () => {
      state.refuse(503, 0, undefined);
      const pause = pauseLeft(state, clock);
      clock.nowMs += pause;
      return pause;
    });
    expect(state.limit).toBe(1);
    expect(pauses).toEqual([250, 250, 500, 1_000, 2_000, 2_000, 2_000]);
    for (let i = 0; i < 9; i++) state.shortenPause();
    state.refuse(503, 0, undefined);
    expect(pauseLeft(state, clock)).toBe(250);
  });
});

test("a limit that another thread has changed meanwhile is not changed back", () => {
  const { states, state } = windowOf({}, 2);
  expect(states[1]?.move(64, 10)).toBe(true);
  expect(state.move(64, 20)).toBe(false);
  expect(state.limit).toBe(10);
});

test("the least latency is that of all threads since it was taken last", () => {
  const { states, state } = windowOf({}, 2);
  expect(state.takeLatency()).toEqual({ leastMs: undefined, busy: false });
  state.noteLatency(80.5);
  states[1]?.noteLatency(40.25);
  state.noteLatency(60);
  states[1]?.noteBusy();
  expect(state.takeLatency()).toEqual({ leastMs: 40.25, busy: true });
  state.noteLatency(3_000_000_000);
  expect(state.takeLatency().leastMs).toBeGreaterThan(2_000_000);
  expect(state.takeLatency()).toEqual({ leastMs: undefined, busy: false });
});

describe("a thread that waits", () => {
  test("is woken when another request is over", async () => {
    const { states, state } = windowOf({}, 2);
    state.startWaiting();
    const slept = state.sleep(state.passed, 600_000);
    states[1]?.pass();
    await slept;
    state.stopWaiting();
  }, 10_000);

  test("does not sleep over what was over before", async () => {
    const { states, state } = windowOf({}, 2);
    state.startWaiting();
    const { passed } = state;
    states[1]?.pass();
    await state.sleep(passed, 600_000);
    state.stopWaiting();
  }, 10_000);
});
