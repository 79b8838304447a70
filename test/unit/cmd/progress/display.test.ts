import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { setLineFormat } from "../../../../cmd/output.ts";
import { openDisplay } from "../../../../cmd/progress/display.ts";
import { Progress } from "../../../../lib/index.ts";

/** The lines of a copy that moves, as they are written, each with the second in which it is. */
function linesOfACopy(quiet = false) {
  const progress = new Progress();
  progress.startRound(1_000_000);
  progress.phase = "copying";
  const written: [second: number, line: string][] = [];
  const startedAt = performance.now();
  const write = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written.push([Math.floor((performance.now() - startedAt) / 1000), `${text}`]);
    return true;
  });
  const display = openDisplay(progress, quiet);
  onTestFinished(() => {
    display.close();
    write.mockRestore();
  });
  const moving = setInterval(() => progress.own.add("entries", 10), 100);
  onTestFinished(() => clearInterval(moving));
  const stop = (): void => clearInterval(moving);
  return { progress, written, display, stop };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("progress without a terminal", () => {
  test("is a line every 5 seconds at first, and then one a minute", () => {
    const { written } = linesOfACopy();
    vi.advanceTimersByTime(10 * 60_000);
    const seconds = written.map(([second]) => second);
    expect(seconds.filter((second) => second <= 60).length).toBeGreaterThanOrEqual(11);
    const later = seconds.filter((second) => second > 65);
    expect(later.length).toBeGreaterThanOrEqual(8);
    expect(later.length).toBeLessThanOrEqual(10);
    for (const [, line] of written) expect(line).toMatch(/^\S+Z INFO {2}copying [\d,]+ of 1,000,000 entries/);
  });

  test("has a phase that lasts at once, whenever it begins", () => {
    const { written, progress } = linesOfACopy();
    vi.advanceTimersByTime(200_000);
    progress.phase = "checking the target";
    vi.advanceTimersByTime(2_000);
    expect(written.at(-1)?.[1]).toMatch(/INFO {2}checking the target\n$/);
  });

  test.each([3, 300])("says within 5 seconds why nothing moves, after %s seconds that moved", (seconds) => {
    const { written, stop } = linesOfACopy();
    vi.advanceTimersByTime(seconds * 1000);
    stop();
    const before = written.length;
    vi.advanceTimersByTime(5_000);
    const said = written.slice(before).map(([, line]) => line);
    expect(said.at(-1)).toMatch(/INFO {2}copying, [\d.]+ % done: waiting for storage\n$/);
  });

  test("as JSON has its numbers as they are, and why nothing moves; also on a terminal", () => {
    setLineFormat("json");
    onTestFinished(() => setLineFormat("text"));
    const { isTTY } = process.stderr;
    process.stderr.isTTY = true;
    onTestFinished(() => {
      process.stderr.isTTY = isTTY;
    });
    const { written, stop } = linesOfACopy();
    vi.advanceTimersByTime(60_000);
    stop();
    vi.advanceTimersByTime(5_000);
    const lines = written.map(([, line]) => JSON.parse(line));
    expect(lines[0]).toMatchObject({
      level: "info",
      progress: { phase: "copying", size: 1_000_000, entriesDone: expect.any(Number), retries: 0 },
    });
    expect(lines[0].progress).not.toHaveProperty("stall");
    expect(lines.at(-1).progress).toMatchObject({
      entriesPerSecond: expect.any(Number),
      stall: "waiting for storage",
    });
  });

  test("is not shown where it is to be quiet, and a warning is", () => {
    const { written, display } = linesOfACopy(true);
    vi.advanceTimersByTime(200_000);
    display.say("look", "warn");
    expect(written.map(([, line]) => line)).toEqual([expect.stringMatching(/^\S+Z WARN {2}look\n$/)]);
  });
});
