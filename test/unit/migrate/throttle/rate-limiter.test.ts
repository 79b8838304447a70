/** A limit on requests a second is one limit for all threads. */

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { RATE_BYTES, RateLimiter } from "../../../../lib/migrate/throttle/rate-limiter.ts";

/** What may start at once: a tenth of a second's worth, and the one that starts the clock. */
const burst = (perSecond: number): number => perSecond / 10 + 1;

test("after a burst, leave is given at the rate", async () => {
  const rate = new RateLimiter(200);
  const start = performance.now();
  for (let i = 0; i < 60; i++) await rate.admit();
  expect(performance.now() - start).toBeGreaterThanOrEqual(((60 - burst(200)) / 200) * 1000 - 2);
});

test("all that ask at once in one thread are spread over time", async () => {
  const rate = new RateLimiter(200);
  const start = performance.now();
  await Promise.all(Array.from({ length: 60 }, () => rate.admit()));
  expect(performance.now() - start).toBeGreaterThanOrEqual(((60 - burst(200)) / 200) * 1000 - 2);
});

test("two threads share one rate: neither has a burst of its own", async () => {
  const [perSecond, times] = [100, 30];
  const shared = new SharedArrayBuffer(RATE_BYTES);
  const file = new URL("../../../support/rate-worker.ts", import.meta.url);
  const start = performance.now();
  const threads = [1, 2].map(() => new Worker(file, { workerData: { perSecond, shared, times } }));
  await Promise.all(threads.map((thread) => once(thread, "exit")));
  expect(performance.now() - start).toBeGreaterThanOrEqual(
    ((2 * times - burst(perSecond)) / perSecond) * 1000 - 2,
  );
});

test("a wait ends with the reason of its signal", async () => {
  const rate = new RateLimiter(0.01);
  await rate.admit();
  const stop = new AbortController();
  const waiting = rate.admit(stop.signal);
  const reason = new Error("stopped by the operator");
  stop.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});

test("a rate that is set anew holds for all that share it, from the next request on", async () => {
  const shared = new SharedArrayBuffer(RATE_BYTES);
  const [one, other] = [new RateLimiter(1_000_000, shared), new RateLimiter(1_000_000, shared)];
  for (let i = 0; i < 1000; i++) await other.admit();
  one.perSecond = 200;
  const start = performance.now();
  for (let i = 0; i < 60; i++) await other.admit();
  expect(performance.now() - start).toBeGreaterThanOrEqual(((60 - burst(200)) / 200) * 1000 - 2);
  // One that joins later does not set it back.
  const late = new RateLimiter(1_000_000, shared);
  const again = performance.now();
  for (let i = 0; i < 20; i++) await late.admit();
  expect(performance.now() - again).toBeGreaterThanOrEqual((18 / 200) * 1000);
});
