import { expect, test, vi } from "vitest";
import { OutageReporter } from "../../../../lib/migrate/throttle/outage.ts";

test("an outage is reported when it lasts, every hour, and when it is over; a short one not at all", () => {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const notices: string[] = [];
  const reporter = new OutageReporter((line) => notices.push(line));
  const fail = (atSeconds: number): void => {
    now = atSeconds * 1000;
    reporter.failed(new Error("no answer"));
  };
  fail(0);
  fail(9);
  reporter.ended();
  for (let second = 100; second <= 100 + 2 * 3600 + 60; second += 5) fail(second);
  reporter.ended();
  reporter.ended();
  expect(notices).toEqual([
    "Waiting for what is unavailable, 10 s by now: no answer",
    "Waiting for what is unavailable, 60 min by now: no answer",
    "Waiting for what is unavailable, 2 h by now: no answer",
    "It is available again, after 2 h",
  ]);
});
