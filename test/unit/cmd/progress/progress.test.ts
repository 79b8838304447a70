import { describe, expect, test } from "vitest";
import { progressBarLine, progressLine } from "../../../../cmd/progress/line.ts";
import type { Pace } from "../../../../cmd/progress/pace.ts";
import type { ProgressSnapshot } from "../../../../lib/index.ts";
import { snapshotOf } from "../../../support/snapshots.ts";

const snapshot = snapshotOf({ entries: 1_234_567, bytes: 1e9, retries: 3 });
const pace: Pace = { entriesPerSecond: 210_000, bytesPerSecond: 215e6, secondsLeft: 13.2 };

describe("a line of progress", () => {
  test("has entries, percent, rates, retries and the time left", () => {
    expect(progressLine(snapshot, pace)).toBe(
      "copying 1,234,567 of 4,000,000 entries (30.8 %), 210,000 entries/s, 215 MB/s, 3 retries, 13 s left",
    );
  });

  test("leaves out what is not known", () => {
    expect(progressLine(snapshot, {})).toBe("copying 1,234,567 of 4,000,000 entries (30.8 %), 3 retries");
    expect(progressLine(snapshot, { entriesPerSecond: 5, bytesPerSecond: 0 })).not.toContain("B/s");
  });

  test("is the phase alone where entries are not counted", () => {
    expect(progressLine(snapshotOf({ phase: "handing over" }), {})).toBe("handing over");
  });

  test("has how far a copy that follows its source is behind it", () => {
    const phase = "waiting for the source to grow";
    const following = { newest: 1_234, copied: 1_200 } as ProgressSnapshot["following"];
    const behind = { ...snapshotOf({ phase }), following, lag: { entries: 34, seconds: 75 } };
    expect(progressLine(behind, {})).toBe(`${phase}, 34 entries behind for 1 min 15 s`);
    const level = { ...behind, lag: { entries: 0, seconds: 0 } };
    expect(progressLine(level, {})).toBe(`${phase}, caught up at 1,200 entries`);
    expect(progressBarLine(level, {}, 79, () => "")).toBe(`${phase}, caught up at 1,200 entries …`);
  });

  test.each(["listing the log", "checking the target"] as const)(
    "has the objects while it is %s",
    (phase) => {
      const listing = snapshotOf({ phase });
      expect(progressLine(listing, {})).toBe(phase);
      listing.counters.add("listedObjects", 7_830);
      expect(progressLine(listing, {})).toBe(`${phase}, 7,830 objects`);
      expect(progressBarLine(listing, {}, 79, () => "")).toBe(`${phase}, 7,830 objects …`);
    },
  );
});

describe("the progress bar", () => {
  const draw = (share: number, width: number): string =>
    "#".repeat(Math.round(share * width)).padEnd(width, ".");
  const line = (width: number): string => progressBarLine(snapshot, pace, width, draw);

  test("never is wider than its terminal, however narrow", () => {
    const large = snapshotOf({ size: Number.MAX_SAFE_INTEGER, entries: 1e15, retries: 123_456 });
    for (let width = 0; width <= 200; width++) {
      for (const known of [pace, {}, { entriesPerSecond: 1e9, secondsLeft: 1e9 }]) {
        expect(progressBarLine(large, known, width, draw).length).toBeLessThanOrEqual(width);
        expect(progressBarLine(snapshot, known, width, draw).length).toBeLessThanOrEqual(width);
      }
      const other = snapshotOf({ phase: "authenticating the tree" });
      expect(progressBarLine(other, {}, width, draw).length).toBeLessThanOrEqual(width);
    }
  });

  test("shows all in full where there is room", () => {
    expect(line(139)).toBe(
      `copying ${"#".repeat(12)}${".".repeat(28)} 30.8 %, 1,234,567 of 4,000,000 entries, 210,000 entries/s, 215 MB/s, 3 retries, 13 s left`,
    );
  });

  test("shortens numbers on 80 columns, and still shows all", () => {
    expect(line(79)).toBe("copying ######............ 30.8 % of 4M, 210K/s, 215 MB/s, 3 retries, 13 s left");
  });

  test("keeps bar, percent and time left on 40 columns", () => {
    expect(line(39)).toBe("copying ####......... 30.8 %, 13 s left");
  });
});
