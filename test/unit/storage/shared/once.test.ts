import { describe, expect, it } from "vitest";
import { lazily } from "../../../../storage/shared/once.ts";

/** A make that ends as it is told each time, and counts how often it began. */
function maker(...outcomes: readonly (() => Promise<string>)[]) {
  const made = { times: 0 };
  return { made, make: () => (outcomes[made.times++] ?? (() => Promise.reject(new Error("too often"))))() };
}

describe("what is made lazily", () => {
  it("is not made before it is asked for, and then once", async () => {
    const { made, make } = maker(async () => "made");
    const get = lazily(make);
    expect(made.times).toBe(0);
    expect([await get(), await get()]).toEqual(["made", "made"]);
    expect(made.times).toBe(1);
  });

  it("is made once for all who ask while it is being made", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const { made, make } = maker(() => promise);
    const get = lazily(make);
    const asking = Promise.all([get(), get(), get()]);
    resolve("made");
    expect(await asking).toEqual(["made", "made", "made"]);
    expect(made.times).toBe(1);
  });

  it("is made anew after a failure, which all who waited are told of", async () => {
    const failure = new Error("not now");
    const { made, make } = maker(
      () => Promise.reject(failure),
      async () => "made",
    );
    const get = lazily(make);
    const told = await Promise.allSettled([get(), get()]);
    expect(told.map((outcome) => outcome.status === "rejected" && outcome.reason)).toEqual([
      failure,
      failure,
    ]);
    expect([await get(), await get()]).toEqual(["made", "made"]);
    expect(made.times).toBe(2);
  });
});
