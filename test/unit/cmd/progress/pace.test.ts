import { beforeEach, describe, expect, test } from "vitest";
import { PaceMeter } from "../../../../cmd/progress/pace.ts";
import { snapshotOf } from "../../../support/snapshots.ts";

describe("the pace of a run", () => {
  let meter: PaceMeter;
  beforeEach(() => {
    meter = new PaceMeter();
    expect(meter.observe(snapshotOf({}), 0)).toEqual({});
  });

  test("is unknown until there is a span to measure", () => {
    expect(meter.observe(snapshotOf({ entries: 1000 }), 300)).toEqual({});
  });

  test("gives rates and the time left from what was copied", () => {
    const pace = { entriesPerSecond: 200_000, bytesPerSecond: 4e8, secondsLeft: 15 };
    expect(meter.observe(snapshotOf({ entries: 1_000_000, bytes: 2e9 }), 5_000)).toEqual(pace);
  });

  test("does not take entries that were in place for speed", () => {
    const snapshot = snapshotOf({ entries: 1_000_000, resumed: 2_000_000 });
    expect(meter.observe(snapshot, 5_000)).toMatchObject({ entriesPerSecond: 200_000, secondsLeft: 5 });
  });

  test("follows a source that becomes slower within the window", () => {
    let entries = 0;
    for (let ms = 0; ms <= 60_000; ms += 250) {
      entries += ms <= 30_000 ? 50_000 : 250;
      meter.observe(snapshotOf({ size: 1e9, entries }), ms);
    }
    const { entriesPerSecond } = meter.observe(snapshotOf({ size: 1e9, entries }), 60_250);
    expect(entriesPerSecond).toBeGreaterThan(900);
    expect(entriesPerSecond).toBeLessThan(1_100);
  });

  test("names no time left while nothing moves", () => {
    expect(meter.observe(snapshotOf({}), 5_000)).toEqual({ entriesPerSecond: 0, bytesPerSecond: 0 });
  });

  test("starts anew with each phase, and has none where entries are not counted", () => {
    expect(meter.observe(snapshotOf({ phase: "checking the target", entries: 1000 }), 60_000)).toEqual({});
    expect(meter.observe(snapshotOf({ entries: 1000 }), 120_000)).toEqual({});
  });

  test("is no more hopeful than the limit that the source states, from the start", () => {
    const limited = { ...snapshotOf({}), leastSecondsLeft: 2_000 };
    expect(meter.observe(limited, 1)).toEqual({ secondsLeft: 2_000 });
    const fast = { ...snapshotOf({ entries: 1_000_000 }), leastSecondsLeft: 1_990 };
    expect(meter.observe(fast, 5_000)).toMatchObject({ entriesPerSecond: 200_000, secondsLeft: 1_990 });
  });
});
