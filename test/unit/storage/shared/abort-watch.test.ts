import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { AbortWatch } from "../../../../storage/shared/abort-watch.ts";

const NEVER = new Promise<void>(() => {});

describe("AbortWatch", () => {
  it("ends everything that waits under a signal, with the signal's reason", () => {
    const watch = new AbortWatch();
    const controller = new AbortController();
    const reasons: unknown[] = [];
    for (let i = 0; i < 3; i++) watch.add(controller.signal, { abort: (reason) => reasons.push(reason) });
    watch.add(new AbortController().signal, { abort: () => reasons.push("of another signal") });
    controller.abort("enough");
    expect(reasons).toEqual(["enough", "enough", "enough"]);
  });

  it("lets work leave while others are ended", () => {
    const watch = new AbortWatch();
    const controller = new AbortController();
    let ended = 0;
    for (let i = 0; i < 3; i++) {
      const work = {
        abort() {
          ended++;
          watch.remove(controller.signal, work);
        },
      };
      watch.add(controller.signal, work);
    }
    controller.abort();
    expect(ended).toBe(3);
  });

  it("has one listener on a signal while something waits under it, and none after", () => {
    const watch = new AbortWatch();
    const { signal } = new AbortController();
    const works = Array.from({ length: 50 }, () => ({ abort() {} }));
    for (const work of works) watch.add(signal, work);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    for (const work of works) watch.remove(signal, work);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("does not mind the removal of what does not wait", () => {
    const watch = new AbortWatch();
    const controller = new AbortController();
    const waiting = { abort: () => ended++ };
    let ended = 0;
    watch.add(controller.signal, waiting);
    watch.remove(controller.signal, { abort() {} });
    watch.remove(new AbortController().signal, waiting);
    controller.abort();
    expect(ended).toBe(1);
  });

  it("waits for a promise only until the signal fires", async () => {
    const watch = new AbortWatch();
    const controller = new AbortController();
    const waiting = watch.until(NEVER, controller.signal);
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(watch.until(NEVER, controller.signal)).rejects.toThrow("enough");
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it("passes on what a promise comes to", async () => {
    const watch = new AbortWatch();
    const { signal } = new AbortController();
    await expect(watch.until(Promise.resolve(7), signal)).resolves.toBe(7);
    await expect(watch.until(Promise.resolve(7), undefined)).resolves.toBe(7);
    await expect(watch.until(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});
