import { describe, expect, test } from "vitest";
import { RunStatus } from "../../../../cmd/page/run-status.ts";
import { Progress } from "../../../../lib/index.ts";

function newStatus(maxLag?: number) {
  const progress = new Progress();
  const command = maxLag === undefined ? "copy" : "follow";
  return { progress, status: new RunStatus(progress, { command, source: "/old", target: "/new", maxLag }) };
}

test("the document has the progress of log lines, and what they leave out", () => {
  const { progress, status } = newStatus();
  progress.startRound(1_000_000);
  progress.phase = "copying";
  progress.origin = "log.example/1";
  // A whole number: differences of others are not exact.
  const start = Math.ceil(performance.now());
  status.observe(start);
  progress.own.add("entries", 1_000);
  progress.own.add("bytesStored", 50_000);
  progress.own.add("throttles", 2);
  progress.own.requestStarted();
  progress.own.requestEnded(0, 10, 0);
  progress.window = { limit: 4, pause: { status: 429, leftMs: 2_500 } };
  status.observe(start + 1_000);
  const document = status.document();
  expect(document).toMatchObject({
    version: 1,
    command: "copy",
    source: "/old",
    target: "/new",
    origin: "log.example/1",
    progress: {
      phase: "copying",
      size: 1_000_000,
      entriesDone: 1_000,
      entriesPerSecond: 1_000,
      bytesPerSecond: 50_000,
      secondsLeft: 999,
      retries: 0,
    },
    requests: {
      limit: 4,
      byStatus: { none: 1 },
      throttles: 2,
      pause: { status: 429, secondsLeft: 2.5 },
    },
    counts: { entries: 1_000, resumedEntries: 0, bytesStored: 50_000, bytesReceived: 0 },
    seals: { seals: 16, sealsPerCell: 1, percent: Array(16).fill(0), inWork: [] },
  });
  expect(Object.keys(document)).not.toContain("following");
  expect(Object.keys(document)).not.toContain("outcome");
  const counts = status.history().samples.map(([, ...rest]) => rest);
  expect(counts.at(0)).toEqual([0, 0, 0]);
});

test("the reason is there when nothing moves", () => {
  const { progress, status } = newStatus();
  progress.startRound(1_000);
  progress.phase = "copying";
  const start = performance.now();
  status.observe(start);
  progress.own.requestStarted();
  status.observe(start + 3_000);
  expect(status.document().progress.stall).toBe("waiting for the answer to 1 request");
});

test("the last notices are kept, in one line each, with their levels", () => {
  const { status } = newStatus();
  for (let n = 1; n <= 60; n++) status.notice(`notice\n${n}`, n % 2 === 0 ? "warning" : "info");
  const { notices } = status.document();
  expect(notices.length).toBe(50);
  expect(notices.at(-1)).toMatchObject({ level: "warning", text: expect.not.stringContaining("\n") });
  expect(notices.at(-1)?.text).toContain("60");
});

describe("a copy is ready", () => {
  test("that is not followed, once its checkpoint is verified", () => {
    const { progress, status } = newStatus();
    expect(status.isReady).toBe(false);
    progress.phase = "authenticating the tree";
    expect(status.isReady).toBe(true);
  });

  test("that follows its source, once it has caught up, while it is not behind for longer than it may be", () => {
    const { progress, status } = newStatus(10);
    progress.phase = "copying";
    expect(status.isReady).toBe(false);
    const ago = (seconds?: number) => seconds && performance.now() - seconds * 1000;
    const follow = (caughtUpAt: number | undefined, behind?: number, unavailable?: number) => {
      const [behindSince, unavailableSince] = [ago(behind), ago(unavailable)];
      const sizes = { newest: 9, copied: 5, staleSince: undefined, isCutoverPending: false };
      progress.following = { ...sizes, behindSince, caughtUpAt, unavailableSince };
      return status.isReady;
    };
    expect(follow(undefined, 5)).toBe(false);
    expect(follow(Date.now(), 11)).toBe(false);
    expect(follow(Date.now(), 5)).toBe(true);
    expect(status.document()).toMatchObject({
      ready: true,
      following: { sourceSize: 9, copiedSize: 5, caughtUpAt: expect.any(String), isCutoverPending: false },
    });
    expect(status.document().following).not.toHaveProperty("publishedSize");
    if (progress.following !== undefined) progress.following = { ...progress.following, published: 4 };
    expect(status.document().following?.publishedSize).toBe(4);
    expect(follow(Date.now(), undefined, 11)).toBe(false);
    expect(follow(Date.now())).toBe(true);
  });
});
