/** What was found out a moment ago. */

import { beforeEach, expect, it, vi } from "vitest";
import { recently } from "../../../../storage/shared/once-every.ts";

beforeEach((context) => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_000_000 });
  context.onTestFinished(() => void vi.useRealTimers());
});

it("is found once for all who ask within the time, and anew after it", async () => {
  const find = vi.fn(async () => find.mock.calls.length);
  const ask = recently(3000, find);
  expect(await Promise.all([ask(), ask()])).toEqual([1, 1]);
  vi.setSystemTime(1_002_999);
  expect(await ask()).toBe(1);
  vi.setSystemTime(1_003_000);
  expect(await ask()).toBe(2);
});

it("is found anew where the clock was put back", async () => {
  const find = vi.fn(async () => {});
  const ask = recently(3000, find);
  await ask();
  vi.setSystemTime(999_999);
  await ask();
  expect(find).toHaveBeenCalledTimes(2);
});

it("is found anew after a failure", async () => {
  const find = vi.fn(async () => "found").mockRejectedValueOnce(new Error("not found"));
  const ask = recently(3000, find);
  await expect(ask()).rejects.toThrow("not found");
  expect(await ask()).toBe("found");
});
