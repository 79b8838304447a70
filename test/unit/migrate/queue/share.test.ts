/** The share of a worker: what the operator allows is divided, and what the source asks one for, all keep. */

import { expect, onTestFinished, test, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { Share } from "../../../../lib/migrate/queue/share.ts";
import type { CopySession } from "../../../../lib/migrate/session.ts";
import { DEFAULT_RETRY } from "../../../../lib/migrate/throttle/backoff.ts";
import { RATE_BYTES, RateLimiter } from "../../../../lib/migrate/throttle/rate-limiter.ts";
import { newSharedLimit, SharedLimit } from "../../../../lib/migrate/throttle/shared-limit.ts";

/** What all processes of a queue see. */
class SharedQueue {
  processes = 1;
  heldBackMs = 0;
  asked: number[] = [];
  isDown = false;

  async workers(): Promise<number> {
    return this.#up(this.processes);
  }

  async heldBackFor(): Promise<number> {
    return this.#up(this.heldBackMs);
  }

  async holdBack(milliseconds: number): Promise<void> {
    this.asked.push(this.#up(milliseconds));
  }

  #up<T>(value: T): T {
    if (this.isDown) throw new OperationError({ object: "the queue", problem: "is down" });
    return value;
  }
}

/** A process that was told `--rate 1000 --concurrency 64`, and the limits that its threads go by. */
async function take(queue: SharedQueue) {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const rate = { perSecond: 1_000, shared: new SharedArrayBuffer(RATE_BYTES) };
  new RateLimiter(rate.perSecond, rate.shared);
  const limit = newSharedLimit({ ...DEFAULT_RETRY, maximum: 64, start: 16 });
  const options = { requestsPerSecond: 1_000, concurrency: 64 };
  const session = { options, readSpec: { rate, limit } } as unknown as CopySession;
  const share = await Share.take(session, queue);
  onTestFinished(() => share.end());
  const nanoseconds = new BigInt64Array(rate.shared);
  return {
    limit: new SharedLimit(limit),
    perSecond: () => Math.round(1e9 / Number(nanoseconds[1])),
    later: (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds),
  };
}

test("a process that joins takes its share at once, and adapts it as others come and go", async () => {
  const queue = new SharedQueue();
  queue.processes = 3;
  const { limit, perSecond, later } = await take(queue);
  expect([perSecond(), limit.maximum, limit.limit]).toEqual([250, 16, 16]);
  queue.processes = 10;
  await later(3_000);
  expect([perSecond(), limit.maximum, limit.limit]).toEqual([100, 6, 6]);
  queue.processes = 1;
  await later(3_000);
  expect([perSecond(), limit.maximum]).toEqual([1_000, 64]);
});

test("while the queue is unavailable, twice as many may be at work as were counted", async () => {
  const queue = new SharedQueue();
  queue.processes = 1;
  const { perSecond, later } = await take(queue);
  expect(perSecond()).toBe(500);
  queue.isDown = true;
  await later(9_000);
  expect(perSecond()).toBe(250);
  queue.isDown = false;
  queue.processes = 2;
  await later(3_000);
  expect(perSecond()).toBe(500);
});

test("where nobody was ever counted, there may be many", async () => {
  const queue = new SharedQueue();
  queue.isDown = true;
  const { perSecond, later } = await take(queue);
  expect(perSecond()).toBe(63);
  // A server that lists no clients, as that of Google's cloud: not even this process.
  queue.isDown = false;
  queue.processes = 0;
  await later(3_000);
  expect(perSecond()).toBe(63);
  queue.processes = 4;
  await later(3_000);
  expect(perSecond()).toBe(250);
});

test("a pause that the source asks a process for is passed on, once", async () => {
  const queue = new SharedQueue();
  const { limit, later } = await take(queue);
  limit.refuse(429, 0, 20_000);
  await later(3_000);
  expect(queue.asked).toHaveLength(1);
  expect(queue.asked[0]).toBeGreaterThan(19_000);
  limit.refuse(429, 0, 200);
  await later(1_000);
  expect(queue.asked).toHaveLength(1);
});

test("a pause that others are asked for is kept, and not passed on", async () => {
  const queue = new SharedQueue();
  const { limit, later } = await take(queue);
  queue.heldBackMs = 10_000;
  await later(3_000);
  expect(limit.pause?.leftMs).toBeGreaterThan(8_000);
  expect([limit.backOffs, limit.limit]).toEqual([1, 8]);
  expect(queue.asked).toEqual([]);
});

test("a pause without an end, which nobody can have been asked for, ends all the same", async () => {
  const queue = new SharedQueue();
  queue.heldBackMs = Number.MAX_SAFE_INTEGER;
  const { limit } = await take(queue);
  expect(limit.pause?.leftMs).toBeLessThanOrEqual(DEFAULT_RETRY.maxRetryAfterMs);
});
