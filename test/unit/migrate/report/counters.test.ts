/** Counters that several threads write, each its own, and the main thread adds up. */

import { expect, test } from "vitest";
import { Counters, LATENCY_BUCKETS } from "../../../../lib/migrate/report/counters.ts";

test("what is added is there, in shared memory too", () => {
  const counters = new Counters();
  const elsewhere = new Counters(counters.share());
  elsewhere.add("entries", 256);
  elsewhere.add("entries", 44);
  expect(counters.get("entries")).toBe(300);
  expect(counters.get("bytesStored")).toBe(0);
});

test("counts stay exact up to 2^53 - 1", () => {
  const counters = new Counters();
  counters.add("bytesReceived", 2 ** 53 - 2);
  counters.add("bytesReceived", 1);
  expect(counters.get("bytesReceived")).toBe(2 ** 53 - 1);
});

test("a request counts by its status, its latency and its bytes, and is in flight until it ends", () => {
  const counters = new Counters();
  counters.requestStarted();
  counters.requestStarted();
  expect(counters.get("inFlight")).toBe(2);
  counters.requestEnded(200, 3, 1_000);
  counters.requestEnded(0, 40_000, 0);
  expect(counters.get("inFlight")).toBe(0);
  expect(counters.get("requests")).toBe(2);
  expect(counters.get("bytesReceived")).toBe(1_000);
  expect(counters.requestsByStatus()).toEqual(
    new Map([
      [0, 1],
      [200, 1],
    ]),
  );
  const { counts, sumSeconds } = counters.latencies();
  expect(counts).toHaveLength(LATENCY_BUCKETS.length + 1);
  expect(counts[LATENCY_BUCKETS.indexOf(0.005)]).toBe(1);
  expect(counts.at(-1)).toBe(1);
  expect(sumSeconds).toBeCloseTo(40.003);
});

test("a latency on a bucket's bound is in that bucket", () => {
  for (const [i, bound] of LATENCY_BUCKETS.entries()) {
    const counters = new Counters();
    counters.requestEnded(200, bound * 1000, 0);
    expect(counters.latencies().counts.indexOf(1), `${bound} s`).toBe(i);
  }
});

test("a status beyond all that HTTP has counts as none", () => {
  const counters = new Counters();
  counters.requestEnded(999, 1, 0);
  expect(counters.requestsByStatus()).toEqual(new Map([[0, 1]]));
  expect(counters.latencies().counts.reduce((sum, count) => sum + count)).toBe(1);
});

test("the total is the sum of every counter of every thread", () => {
  const threads = [new Counters(), new Counters()];
  for (const [i, thread] of threads.entries()) {
    thread.add("entries", 10 ** i);
    thread.requestEnded(503, 1, 7);
  }
  const total = Counters.total(threads);
  expect(total.get("entries")).toBe(11);
  expect(total.requestsByStatus()).toEqual(new Map([[503, 2]]));
  expect(total.get("bytesReceived")).toBe(14);
  expect(Counters.total([]).get("entries")).toBe(0);
});
