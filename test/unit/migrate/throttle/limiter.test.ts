/** How the requests of a thread start under the limit that it shares with others. */

import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { inspect } from "node:util";
import { Worker } from "node:worker_threads";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ConcurrencyLimiter } from "../../../../lib/migrate/throttle/limiter.ts";
import {
  type LimitShare,
  newSharedLimit,
  SharedLimit,
} from "../../../../lib/migrate/throttle/shared-limit.ts";

const { signal } = new AbortController();
const DELAYS = { minDelayMs: 250, maxRetryAfterMs: 600_000 };

/** A limit of so many requests, and a thread's part in it for each of `mosts`. */
function limitersOf(
  limit: number,
  mosts: readonly number[],
  signals: readonly AbortSignal[] = [],
  closings: readonly (() => void)[] = [],
) {
  const share = newSharedLimit({ ...DELAYS, maximum: 100, start: limit });
  const clock = { nowMs: 5_000 };
  const shared = new SharedLimit(share, () => BigInt(clock.nowMs * 1e6));
  const limiters = mosts.map((most, i) => {
    return new ConcurrencyLimiter(shared, most, signals[i] ?? signal, closings[i]);
  });
  const [first, second] = limiters as [ConcurrencyLimiter, ConcurrencyLimiter];
  return { share, clock, shared, first, second };
}

function isWaiting(promise: Promise<void> | undefined): boolean {
  return inspect(promise).includes("<pending>");
}

describe("a request", () => {
  test("starts at once where the limit allows it, and else when another is over, in order", async () => {
    const { first: limiter } = limitersOf(2, [9]);
    expect([limiter.enter(), limiter.enter()]).toEqual([undefined, undefined]);
    const [third, fourth] = [limiter.enter(), limiter.enter()];
    expect([isWaiting(third), isWaiting(fourth)]).toEqual([true, true]);
    limiter.leave(503);
    await third;
    expect(isWaiting(fourth)).toBe(true);
    limiter.leave(503);
    await fourth;
  });

  test("does not overtake those that wait in its thread", async () => {
    const { shared, first: limiter } = limitersOf(1, [9]);
    void limiter.enter();
    const second = limiter.enter();
    shared.succeed();
    expect(shared.limit).toBe(2);
    const third = limiter.enter();
    expect(third).toBeInstanceOf(Promise);
    await second;
    limiter.leave(503);
    await third;
  });

  test("waits for a connection of its thread before it takes a place that another thread could use", async () => {
    const { first, second } = limitersOf(3, [1, 9]);
    void first.enter();
    const waits = first.enter();
    expect([second.enter(), second.enter()]).toEqual([undefined, undefined]);
    expect(isWaiting(waits)).toBe(true);
    first.leave(200);
    await waits;
  });

  test("waits for the end of a pause, however few are in flight", async () => {
    const { clock, first, second } = limitersOf(100, [9, 9]);
    void first.enter();
    expect(first.answered(429, 10, 30_000)).toBe(true);
    first.leave(429);
    clock.nowMs += 29_999;
    const waits = [first.enter(), second.enter()];
    expect(waits.map(isWaiting)).toEqual([true, true]);
    clock.nowMs += 1;
    await Promise.all(waits);
    expect(second.enter()).toBe(undefined);
  });
});

describe("threads", () => {
  test("have their turns one after the other, however much each has to ask for, and wake each other", async () => {
    const { sleep } = SharedLimit.prototype;
    vi.spyOn(SharedLimit.prototype, "sleep").mockImplementation(function (this: SharedLimit, passed) {
      return sleep.call(this, passed, 600_000);
    });
    const { first, second } = limitersOf(1, [99, 99]);
    void first.enter();
    const order: string[] = [];
    const ask = async (limiter: ConcurrencyLimiter, name: string): Promise<void> => {
      await limiter.enter();
      order.push(name);
      await setImmediate();
      limiter.leave(500);
    };
    const all = [
      ...Array.from({ length: 6 }, () => ask(first, "first")),
      ...Array.from({ length: 3 }, () => ask(second, "second")),
    ];
    first.leave(500);
    await Promise.all(all);
    expect(order.slice(0, 6).sort()).toEqual(["first", "first", "first", "second", "second", "second"]);
  });

  test("together have no more under way than the limit allows, until all is done", async () => {
    const { share, shared } = limitersOf(3, []);
    const seen = new SharedArrayBuffer(12);
    await Promise.all([1, 2].map(() => threadEnd(share, seen, 400)));
    const [underWay, most, done] = new Int32Array(seen);
    expect({ underWay, most, done }).toEqual({ underWay: 0, most: 3, done: 800 });
    expect(shared.load).toBe(0);
  });

  test("are all held back by a refusal that one of them received", async () => {
    const share = newSharedLimit({ ...DELAYS, maximum: 100, start: 100 });
    const receivedAt = performance.now();
    new SharedLimit(share).refuse(429, 0, 300);
    await threadEnd(share, new SharedArrayBuffer(12), 1);
    expect(performance.now() - receivedAt).toBeGreaterThanOrEqual(299);
  });
});

describe("where connections are scarce", () => {
  /** One request at a time, of two threads; the first has asked for so many. */
  function scarce(asked: number) {
    const closed: string[] = [];
    const closings = ["first", "second"].map((name) => () => void closed.push(name));
    const { shared, first, second } = limitersOf(1, [9, 9], [], closings);
    shared.turnAway(1);
    const started: string[] = [];
    const ask = async (limiter: ConcurrencyLimiter, name: string): Promise<void> => {
      await limiter.enter();
      started.push(name);
    };
    const asking = Array.from({ length: asked }, () => ask(first, "first"));
    const all = () => Promise.all([...asking, ...Array.from({ length: 2 }, () => ask(second, "second"))]);
    const turn = async (): Promise<void> => {
      for (let i = 0; i < 4; i++) await setImmediate();
    };
    return { shared, first, started, closed, all, turn };
  }

  test("a thread keeps its turn, and the connection with it, for requests in a row, then closes it for others", async () => {
    const { first, started, closed, all, turn } = scarce(100);
    void all();
    await turn();
    const closedAt: number[] = [];
    while (!started.includes("second") && started.length < 100) {
      first.leave(500);
      expect(closedAt.length).toBe(closed.length);
      await turn();
      if (closed.length > closedAt.length) closedAt.push(started.length);
    }
    // It had drawn its second ticket before the other thread drew one.
    expect(started.indexOf("second")).toBe(66);
    expect(closedAt).toEqual([34, 67]);
  });

  test("no turn is kept during a pause, and none is lost", async () => {
    const { shared, first, started, all, turn } = scarce(3);
    void all();
    await turn();
    shared.refuse(429, 0, 60_000);
    first.leave(429);
    await turn();
    expect(started).toEqual(["first"]);
    // What waits, one of each thread.
    expect(shared.load).toBe(2);
  });
});

describe("when the signal of a thread fires", () => {
  test("all that wait there end with its reason, and their turn goes to other threads", async () => {
    const stop = new AbortController();
    const { shared, first, second } = limitersOf(1, [9, 9], [stop.signal]);
    void second.enter();
    const given = [first.enter(), first.enter()];
    const waits = second.enter();
    stop.abort("enough");
    for (const wait of given) await expect(wait).rejects.toBe("enough");
    expect(isWaiting(waits)).toBe(true);
    second.leave(503);
    await waits;
    second.leave(503);
    expect(shared.load).toBe(0);
  });

  test("also those that wait for requests of their own thread, as soon as these end", async () => {
    const stop = new AbortController();
    const { shared, first: limiter } = limitersOf(100, [1], [stop.signal]);
    void limiter.enter();
    const waits = limiter.enter();
    stop.abort("enough");
    limiter.leave(0);
    await expect(waits).rejects.toBe("enough");
    expect(shared.load).toBe(0);
  });

  test("nothing starts any more, and no turn is taken", () => {
    const { shared, first: limiter } = limitersOf(1, [9], [AbortSignal.abort("enough")]);
    expect(() => limiter.enter()).toThrow("enough");
    expect(shared.load).toBe(0);
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
    const { shared, first: limiter } = limitersOf(100, [9]);
    // More than may be strays.
    const halved = Array.from({ length: 5 }, () => limiter.answered(status, 10, undefined));
    expect(halved.includes(true)).toBe(isRefusal);
    expect(shared.isPaused).toBe(isRefusal);
  });

  test.each([
    [200, 2],
    [404, 2],
    [0, 1],
    [429, 1],
    [502, 1],
  ])("%i at a limit of 1 leads to one of %i", (status, limit) => {
    const { shared, first: limiter } = limitersOf(1, [9]);
    void limiter.enter();
    limiter.leave(status);
    expect([shared.passed, shared.limit]).toEqual([1, limit]);
  });
});

/** Resolves when a thread has made so many requests. */
async function threadEnd(share: LimitShare, seen: SharedArrayBuffer, requests: number): Promise<void> {
  const file = new URL("../../../support/limiter-worker.ts", import.meta.url);
  const worker = new Worker(file, { workerData: { share, seen, requests } });
  onTestFinished(() => void worker.terminate());
  await once(worker, "exit");
}
