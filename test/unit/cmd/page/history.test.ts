import { expect, test } from "vitest";
import { History } from "../../../../cmd/page/history.ts";

test("a history of any length has few samples, spread over all of it", () => {
  const history = new History();
  const DAY = 86_400;
  for (let second = 0; second <= DAY; second++) history.add([second * 1000, second, 2 * second, 0]);
  const { samples } = history;
  expect(samples.length).toBeGreaterThan(150);
  expect(samples.length).toBeLessThan(600);
  expect(samples[0]).toEqual([0, 0, 0, 0]);
  const gaps = samples.slice(1).map(([at], index) => at - (samples[index]?.[0] ?? 0));
  expect(Math.max(...gaps)).toBeLessThan((3 * DAY * 1000) / samples.length);
  expect((samples.at(-1)?.[0] ?? 0) + Math.max(...gaps)).toBeGreaterThanOrEqual(DAY * 1000);
  // Counts, not rates: what is left out between two of them is in their difference.
  for (const [at, entries, bytes] of samples) expect([entries, bytes]).toEqual([at / 1000, at / 500]);
});

test("a short history is kept as it is", () => {
  const history = new History();
  for (let second = 0; second < 100; second++) history.add([second * 1000, second, second, 0]);
  expect(history.samples.length).toBe(100);
});
