import { describe, expect, test } from "vitest";
import { StallWatch } from "../../../../cmd/progress/stall.ts";
import type { CounterName, ProgressSnapshot } from "../../../../lib/index.ts";
import { snapshotOf } from "../../../support/snapshots.ts";

function stalled(facts: Partial<ProgressSnapshot>, counters: Partial<Record<CounterName, number>> = {}) {
  const snapshot = { ...snapshotOf({ entries: 7 }), ...facts };
  for (const [name, amount] of Object.entries(counters)) snapshot.counters.add(name as CounterName, amount);
  const watch = new StallWatch();
  expect(watch.observe(snapshot, 10_000)).toBeUndefined();
  return watch.observe(snapshot, 13_000);
}

describe("a run that does not move says why", () => {
  const retry = { object: "tile/0/000", delayMs: 8_000, reason: "127.0.0.1 refused the connection" };
  test.each<[string, RegExp, Partial<ProgressSnapshot>, Partial<Record<CounterName, number>>?]>([
    ["a pause", /asks for a pause \(503\), 25 s left/, { pause: { status: 503, leftMs: 24_100 } }],
    [
      "a retry",
      /^127\.0\.0\.1 refused the connection, trying again/,
      { lastRetry: { ...retry, failedAt: 9_000 } },
    ],
    ["no retry that is over", /storage/, { lastRetry: { ...retry, failedAt: 1_000 } }],
    ["memory", /memory \(--budget\)/, {}, { inFlight: 2, memoryWaits: 2 }],
    ["answers", /answer to 3 requests/, {}, { inFlight: 3, memoryWaits: 1 }],
    ["storage", /waiting for storage/, {}],
  ])("%s", (_what, words, facts, counters) => {
    expect(stalled(facts, counters)).toMatch(words);
  });

  test("and nothing while it moves, or waits as its phase says", () => {
    expect(stalled({ phase: "waiting for the source to stay the same" })).toBeUndefined();
    const integration = "waiting for log software to integrate what it has stored";
    expect(stalled({ phase: integration })).toBeUndefined();
    const watch = new StallWatch();
    for (let second = 0; second < 60; second++) {
      expect(watch.observe(snapshotOf({ entries: second }), second * 1000)).toBeUndefined();
    }
    const listing = snapshotOf({ phase: "listing the log" });
    for (let second = 60; second < 120; second++) {
      listing.counters.add("listedObjects", 1000);
      expect(watch.observe(listing, second * 1000)).toBeUndefined();
    }
  });

  test("though requests fail meanwhile", () => {
    const watch = new StallWatch();
    const snapshot = snapshotOf({});
    watch.observe(snapshot, 0);
    snapshot.counters.requestStarted();
    snapshot.counters.requestEnded(503, 1, 100);
    expect(watch.observe(snapshot, 3_000)).toBeDefined();
  });
});
