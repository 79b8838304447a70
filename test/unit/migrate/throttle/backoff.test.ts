/** How long a retry waits. What is retried at all is tested with reads and with Cloud Storage. */

import { describe, expect, test, vi } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { readDelays } from "../../../../lib/migrate/read/authentic.ts";
import { DEFAULT_RETRY, retryDelay } from "../../../../lib/migrate/throttle/backoff.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";

const reset = new SourceError("the connection broke", { retryable: true });
const answered = (status: number, retryAfterMs?: number) =>
  new SourceError("answered", { retryable: true, status, retryAfterMs });

function randomIs(number: number): void {
  vi.spyOn(Math, "random").mockReturnValue(number);
}

/** The delays after failures in a row, until there is none. */
function delaysOf(delayAfter: (failures: number) => number | undefined): number[] {
  const delays: number[] = [];
  for (let next = delayAfter(1); next !== undefined; next = delayAfter(delays.length + 1)) delays.push(next);
  return delays;
}

describe("a delay", () => {
  test("doubles each time, up to the longest, for as many attempts as there are", () => {
    randomIs(0);
    expect(delaysOf((failures) => retryDelay(reset, failures, DEFAULT_RETRY))).toEqual([
      250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  test("varies up to twice that, so that many that failed together do not come back together", () => {
    randomIs(0.5);
    expect(retryDelay(reset, 2, DEFAULT_RETRY)).toBe(750);
  });

  test("comes after what a Retry-After asks for, of which only so much is waited", () => {
    randomIs(0);
    expect(retryDelay(answered(500, 7_000), 1, DEFAULT_RETRY)).toBe(7_250);
    expect(retryDelay(answered(500, 86_400_000), 1, DEFAULT_RETRY)).toBe(600_250);
  });
});

describe("a read", () => {
  test.each([429, 503])("refused by %i is tried again soon, and ends after as long as others", (status) => {
    randomIs(0);
    const delayAfter = readDelays({ retry: DEFAULT_RETRY });
    const delays = delaysOf(() => delayAfter(answered(status)));
    expect(delays.slice(0, 3)).toEqual([12.5, 43.75, 153.125]);
    expect(delays).toHaveLength(10);
    const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0);
    const usual = sum(delaysOf((failures) => retryDelay(reset, failures, DEFAULT_RETRY)));
    expect(Math.abs(sum(delays) / usual - 1)).toBeLessThan(0.02);
  });

  test("that was refused waits as long as it was asked to", () => {
    randomIs(0);
    expect(readDelays({ retry: DEFAULT_RETRY })(answered(503, 7_000))).toBe(7_012.5);
  });

  test.each([
    ["another status", answered(500)],
    ["a fault of the network", reset],
  ])("that failed by %s waits for the usual delay", (_what, error) => {
    randomIs(0);
    expect(readDelays({ retry: DEFAULT_RETRY })(error)).toBe(250);
  });

  test("of wrong bytes waits a little longer each time", () => {
    const delayAfter = readDelays({ retry: DEFAULT_RETRY });
    expect(delaysOf(() => delayAfter(new FormatError("is wrong")))).toEqual([125, 250, 375, 500, 625]);
  });
});
