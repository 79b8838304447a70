import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { addAbortable, removeAbortable, untilAborted } from "../../../../storage/shared/abort-watch.ts";

const NEVER = new Promise<void>(() => {});

describe("work that waits under a signal", () => {
  it("is ended with the signal's reason", () => {
    const controller = new AbortController();
    const reasons: unknown[] = [];
    for (let i = 0; i < 3; i++) addAbortable(controller.signal, { abort: (reason) => reasons.push(reason) });
    addAbortable(new AbortController().signal, { abort: () => reasons.push("of another signal") });
    controller.abort("enough");
    expect(reasons).toEqual(["enough", "enough", "enough"]);
  });

  it("may leave while others are ended", () => {
    const controller = new AbortController();
    const { signal } = controller;
    let ended = 0;
    for (let i = 0; i < 3; i++) {
      const work = {
        abort() {
          ended++;
          removeAbortable(signal, work);
        },
      };
      addAbortable(signal, work);
    }
    controller.abort();
    expect(ended).toBe(3);
  });

  it("has one listener on it, and none is left after", () => {
    const { signal } = new AbortController();
    const works = Array.from({ length: 50 }, () => ({ abort() {} }));
    for (const work of works) addAbortable(signal, work);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    for (const work of works) removeAbortable(signal, work);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("is ended where other work waited under it before", () => {
    const controller = new AbortController();
    const { signal } = controller;
    const [first, second] = [{ abort: vi.fn() }, { abort: vi.fn() }];
    addAbortable(signal, first);
    removeAbortable(signal, first);
    addAbortable(signal, second);
    controller.abort("enough");
    expect(first.abort).not.toHaveBeenCalled();
    expect(second.abort).toHaveBeenCalledExactlyOnceWith("enough");
  });

  it("does not mind the removal of what does not wait", () => {
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = { abort: () => ended++ };
    let ended = 0;
    addAbortable(signal, waiting);
    removeAbortable(signal, { abort() {} });
    removeAbortable(new AbortController().signal, waiting);
    controller.abort();
    expect(ended).toBe(1);
  });
});

describe("untilAborted", () => {
  it("waits for a promise only until the signal fires", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = untilAborted(NEVER, signal);
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(untilAborted(NEVER, signal)).rejects.toThrow("enough");
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("passes on what a promise comes to", async () => {
    const { signal } = new AbortController();
    await expect(untilAborted(Promise.resolve(7), signal)).resolves.toBe(7);
    await expect(untilAborted(Promise.resolve(7), undefined)).resolves.toBe(7);
    await expect(untilAborted(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});
