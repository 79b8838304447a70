/** What is made or found out once, for callers that ask again and again. */

import { describe, expect, it, onTestFinished, vi } from "vitest";
import { once, onceEvery } from "../../../../storage/shared/memoize.ts";

/** A make that ends as it is told each time, and counts how often it began. */
function maker(...outcomes: readonly (() => Promise<string>)[]) {
  const made = { times: 0 };
  return { made, make: () => (outcomes[made.times++] ?? (() => Promise.reject(new Error("too often"))))() };
}

describe("what is made once", () => {
  it("is not made before it is asked for, and then once", async () => {
    const { made, make } = maker(async () => "made");
    const get = once(make);
    expect(made.times).toBe(0);
    expect([await get(), await get()]).toEqual(["made", "made"]);
    expect(made.times).toBe(1);
  });

  it("is made once for all who ask while it is being made", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const { made, make } = maker(() => promise);
    const get = once(make);
    const asking = Promise.all([get(), get(), get()]);
    resolve("made");
    expect(await asking).toEqual(["made", "made", "made"]);
    expect(made.times).toBe(1);
  });

  it("is made again after a failure, which is reported to all who waited", async () => {
    const failure = new Error("not now");
    const { made, make } = maker(
      () => Promise.reject(failure),
      async () => "made",
    );
    const get = once(make);
    const reported = await Promise.allSettled([get(), get()]);
    expect(reported).toEqual(Array(2).fill({ status: "rejected", reason: failure }));
    expect([await get(), await get()]).toEqual(["made", "made"]);
    expect(made.times).toBe(2);
  });
});

/** A find that returns how often it was asked, by a clock that the test sets. */
function finder() {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_000_000 });
  onTestFinished(() => void vi.useRealTimers());
  const find = vi.fn(async () => find.mock.calls.length);
  return { find, ask: onceEvery(3000, find) };
}

describe("what is found once every so often", () => {
  it("is found once for all who ask within the time, and again after it", async () => {
    const { ask } = finder();
    expect(await Promise.all([ask(), ask()])).toEqual([1, 1]);
    vi.setSystemTime(1_002_999);
    expect(await ask()).toBe(1);
    vi.setSystemTime(1_003_000);
    expect(await ask()).toBe(2);
  });

  it("is found again where the clock was put back", async () => {
    const { ask } = finder();
    await ask();
    vi.setSystemTime(999_999);
    expect(await ask()).toBe(2);
  });

  it("is found again after a failure", async () => {
    const { find, ask } = finder();
    find.mockRejectedValueOnce(new Error("not found"));
    await expect(ask()).rejects.toThrow("not found");
    expect(await ask()).toBe(2);
  });

  it("is not found again for a failure of long ago", async () => {
    const { find, ask } = finder();
    const late = Promise.withResolvers<number>();
    find.mockReturnValueOnce(late.promise);
    const failing = ask();
    vi.setSystemTime(1_003_000);
    expect(await ask()).toBe(2);
    late.reject(new Error("not found"));
    await expect(failing).rejects.toThrow("not found");
    expect(await ask()).toBe(2);
  });
});
