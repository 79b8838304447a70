/** How the requests of a thread pass the window that it shares with others. */

import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { inspect } from "node:util";
import { Worker } from "node:worker_threads";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { RequestWindow } from "../../../../lib/migrate/throttle/limiter.ts";
import { newWindow, type WindowShare, WindowState } from "../../../../lib/migrate/throttle/shared-limit.ts";

const { signal } = new AbortController();

/** A window of so many requests, and a thread's part in it for each of `mosts`. */
function windowsOf(limit: number, mosts: readonly number[]) {
  const share = newWindow({ maximum: 100, minDelayMs: 250, maxRetryAfterMs: 600_000 });
  const clock = { nowMs: 5_000 };
  const state = new WindowState(share, () => BigInt(clock.nowMs * 1e6));
  state.move(100, limit);
  const windows = mosts.map((most) => new RequestWindow(state, most));
  return { share, clock, state, windows: windows as [RequestWindow, RequestWindow] };
}

function isWaiting(promise: Promise<void> | undefined): boolean {
  return inspect(promise).includes("<pending>");
}

describe("a request", () => {
  test("starts at once where there is room, and else when another is over, in order", async () => {
    const {
      windows: [window],
    } = windowsOf(2, [9]);
    expect([window.enter(signal), window.enter(signal)]).toEqual([undefined, undefined]);
    const [third, fourth] = [window.enter(signal), window.enter(signal)];
    expect([isWaiting(third), isWaiting(fourth)]).toEqual([true, true]);
    window.leave(200);
    await third;
    expect(isWaiting(fourth)).toBe(true);
    window.leave(200);
    await fourth;
  });

  test("does not overtake those that wait in its thread", async () => {
    const {
      state,
      windows: [window],
    } = windowsOf(1, [9]);
    void window.enter(signal);
    const second = window.enter(signal);
    state.move(1, 100);
    const third = window.enter(signal);
    expect(third).toBeInstanceOf(Promise);
    await second;
    await third;
  });

  test("waits for a connection of its thread before it takes a place that another thread could use", async () => {
    const {
      windows: [first, second],
    } = windowsOf(3, [1, 9]);
    void first.enter(signal);
    const waits = first.enter(signal);
    expect([second.enter(signal), second.enter(signal)]).toEqual([undefined, undefined]);
    expect(isWaiting(waits)).toBe(true);
    first.leave(200);
    await waits;
  });

  test("waits for the end of a pause, however much room there is", async () => {
    const {
      clock,
      windows: [first, second],
    } = windowsOf(100, [9, 9]);
    void first.enter(signal);
    expect(first.answered(429, 10, 30_000)).toBe(true);
    first.leave(429);
    clock.nowMs += 29_999;
    const waits = [first.enter(signal), second.enter(signal)];
    expect(waits.map(isWaiting)).toEqual([true, true]);
    clock.nowMs += 1;
    await Promise.all(waits);
    expect(second.enter(signal)).toBe(undefined);
  });
});

describe("threads", () => {
  test("have their turns one after the other, however much each has to ask for, and wake each other", async () => {
    const { sleep } = WindowState.prototype;
    const sleeps = vi.spyOn(WindowState.prototype, "sleep");
    onTestFinished(() => sleeps.mockRestore());
    sleeps.mockImplementation(function (this: WindowState, passed) {
      return sleep.call(this, passed, 600_000);
    });
    const {
      windows: [first, second],
    } = windowsOf(1, [99, 99]);
    void first.enter(signal);
    const order: string[] = [];
    const ask = async (window: RequestWindow, name: string): Promise<void> => {
      await window.enter(signal);
      order.push(name);
      await setImmediate();
      window.leave(200);
    };
    const all = [
      ...Array.from({ length: 6 }, () => ask(first, "first")),
      ...Array.from({ length: 3 }, () => ask(second, "second")),
    ];
    first.leave(200);
    await Promise.all(all);
    expect(order.slice(0, 6).sort()).toEqual(["first", "first", "first", "second", "second", "second"]);
  });

  test("together have no more under way than the window allows, until all is done", async () => {
    const { share, state } = windowsOf(3, []);
    const seen = new SharedArrayBuffer(12);
    await Promise.all([1, 2].map(() => threadEnd(share, seen, 400)));
    const [underWay, most, done] = new Int32Array(seen);
    expect({ underWay, most, done }).toEqual({ underWay: 0, most: 3, done: 800 });
    expect(state.load).toBe(0);
  });

  test("are all held back by a refusal that one of them heard", async () => {
    const share = newWindow({ maximum: 100, minDelayMs: 1, maxRetryAfterMs: 600_000 });
    const state = new WindowState(share);
    const heardAt = performance.now();
    state.refuse(429, 0, 300);
    await threadEnd(share, new SharedArrayBuffer(12), 1);
    expect(performance.now() - heardAt).toBeGreaterThanOrEqual(299);
  });
});

describe("a wait that is given up", () => {
  test("rejects with the signal's reason, and gives its turn to the next of its thread", async () => {
    const {
      state,
      windows: [window],
    } = windowsOf(1, [9]);
    void window.enter(signal);
    const stop = new AbortController();
    const [second, third] = [window.enter(stop.signal), window.enter(signal)];
    stop.abort("enough");
    await expect(second).rejects.toBe("enough");
    window.leave(200);
    await third;
    window.leave(200);
    expect(state.load).toBe(0);
  });

  test("and not to one of another thread that came later", async () => {
    const {
      windows: [first, second],
    } = windowsOf(1, [9, 9]);
    void first.enter(signal);
    const stop = new AbortController();
    const given = first.enter(stop.signal);
    const [next, other] = [first.enter(signal), second.enter(signal)];
    stop.abort("enough");
    await expect(given).rejects.toBe("enough");
    first.leave(200);
    await next;
    expect(isWaiting(other)).toBe(true);
  });

  test("gives it to other threads where its own has no next", async () => {
    const {
      state,
      windows: [first, second],
    } = windowsOf(1, [9, 9]);
    void first.enter(signal);
    const stop = new AbortController();
    const given = first.enter(stop.signal);
    const waits = second.enter(signal);
    stop.abort("enough");
    await expect(given).rejects.toBe("enough");
    first.leave(200);
    await waits;
    second.leave(200);
    expect(state.load).toBe(0);
  });

  test("or not begun takes none", () => {
    const {
      state,
      windows: [window],
    } = windowsOf(1, [9]);
    expect(() => window.enter(AbortSignal.abort("enough"))).toThrow("enough");
    expect(state.load).toBe(0);
  });
});

describe("the statuses of responses", () => {
  test.each([
    [429, true],
    [503, true],
    [200, false],
    [404, false],
    [500, false],
    [502, false],
  ])("%i is a refusal: %s", (status, isRefusal) => {
    const {
      state,
      windows: [window],
    } = windowsOf(100, [9]);
    void window.enter(signal);
    expect(window.answered(status, 10, undefined)).toBe(isRefusal);
    expect(state.paused).toBe(isRefusal);
    expect(state.takeLatency().leastMs).toBe(isRefusal ? undefined : 10);
  });

  test.each([
    [200, 0],
    [404, 0],
    [0, 1],
    [429, 1],
    [502, 1],
  ])("%i counts as %i failures", (status, failures) => {
    const {
      state,
      windows: [window],
    } = windowsOf(100, [9]);
    void window.enter(signal);
    window.leave(status);
    expect([state.passed, state.failed]).toEqual([1, failures]);
  });
});

describe("a thread whose latencies may be its own", () => {
  test.each([
    ["was busy most of the time", { active: 80, idle: 40 }, true],
    ["waited most of the time", { active: 40, idle: 80 }, false],
    ["was looked at too short a time to say", { active: 60, idle: 30 }, false],
  ])("%s", (_how, { active, idle }, busy) => {
    let [activeMs, idleMs] = [1_000, 9_000];
    const usage = vi.spyOn(performance, "eventLoopUtilization");
    onTestFinished(() => usage.mockRestore());
    usage.mockImplementation((now, before) => ({
      active: now === undefined ? activeMs : now.active - (before?.active ?? 0),
      idle: now === undefined ? idleMs : now.idle - (before?.idle ?? 0),
      utilization: 0,
    }));
    const {
      state,
      windows: [window],
    } = windowsOf(100, [9]);
    activeMs += active;
    idleMs += idle;
    for (let i = 0; i < 16; i++) window.answered(200, 10, undefined);
    expect(state.takeLatency().busy).toBe(busy);
  });
});

/** Resolves when a thread has made so many requests. */
async function threadEnd(share: WindowShare, seen: SharedArrayBuffer, requests: number): Promise<void> {
  const file = new URL("../../../support/window-worker.ts", import.meta.url);
  const worker = new Worker(file, { workerData: { share, seen, requests } });
  onTestFinished(() => void worker.terminate());
  await once(worker, "exit");
}
