/** The lock in a bucket, which shows a second copy that the first is at work. */

import { hostname } from "node:os";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { TargetRefusedError } from "../../../../lib/errors.ts";
import { LOCK_OBJECT, lockState, takeLock } from "../../../../storage/bucket/lock.ts";
import { currentProcess } from "../../../../storage/shared/process-identity.ts";
import { MemoryBucket } from "../../../support/places/memory-bucket.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");

let bucket: MemoryBucket;
beforeEach((context) => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"], now: NOW });
  context.onTestFinished(() => void vi.useRealTimers());
  bucket = new MemoryBucket();
});

const take = () => takeLock(bucket, bucket);
const storeLock = (holder: object) => bucket.store(LOCK_OBJECT, JSON.stringify(holder));
const lockText = () => bucket.text(LOCK_OBJECT);
const elsewhere = { ...currentProcess(), host: "elsewhere", token: "other" };
const sameName = { ...elsewhere, host: hostname() };

describe("a lock in a bucket", () => {
  it("names its holder, is refused to a second copy, and is gone when it is given back", async () => {
    const lock = await take();
    expect(JSON.parse(lockText() ?? "")).toMatchObject({ pid: process.pid, host: hostname() });
    const words = new RegExp(`another copy is running here.*process ${process.pid} on `);
    await expect(take()).rejects.toThrow(words);
    await lock.release();
    expect(lockText()).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("says who holds it since when, and whether that process runs, without storing anything", async () => {
    expect(await lockState(bucket)).toBeUndefined();
    const lock = await take();
    await vi.advanceTimersByTimeAsync(20_000);
    const before = new Map(bucket.objects);
    expect(await lockState(bucket)).toEqual({
      host: hostname(),
      pid: process.pid,
      since: new Date(NOW).toISOString(),
      heardAt: new Date(NOW + 20_000).toISOString(),
      isRunning: true,
    });
    expect(bucket.objects).toEqual(before);
    await lock.release();
    // Of another machine, which an image may have given the same name; and of an early version.
    for (const holder of [
      { ...elsewhere, boot: "other" },
      { ...sameName, boot: "other" },
    ]) {
      storeLock(holder);
      const { host, pid } = holder;
      expect(await lockState(bucket)).toEqual({ host, pid, heardAt: new Date(NOW + 20_000).toISOString() });
    }
    storeLock({ not: "a lock" });
    expect(await lockState(bucket)).toBeUndefined();
  });

  it("is stored again while it is held, by what goes on when the copy is stopped", async () => {
    const copy = new MemoryBucket();
    const [get, put] = [vi.spyOn(copy, "getVersion"), vi.spyOn(copy, "put")];
    put.mockImplementationOnce((...args) => bucket.put(...args));
    const lock = await takeLock(copy, bucket);
    for (const method of [get, put]) method.mockRejectedValue(new Error("the copy was stopped"));
    const texts = new Set<string | undefined>();
    for (let beats = 1; beats <= 10; beats++) {
      await vi.advanceTimersByTimeAsync(20_000);
      expect(bucket.objects.get(LOCK_OBJECT)?.storedAt).toBe(NOW + beats * 20_000);
      texts.add(lockText());
    }
    // A version may be a hash of the bytes.
    expect(texts.size).toBe(10);
    await lock.release();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(lockText()).toBeUndefined();
  });

  it("is stored again after a time that it could not be", async () => {
    const lock = await take();
    vi.spyOn(bucket, "getVersion").mockRejectedValueOnce(new Error("busy"));
    await vi.advanceTimersByTimeAsync(40_000);
    expect(bucket.objects.get(LOCK_OBJECT)?.storedAt).toBe(NOW + 40_000);
    await lock.release();
  });

  it("is gone when it is given back, whenever it is being stored again", async () => {
    for (let turns = 0; turns < 20; turns++) {
      const lock = await take();
      vi.advanceTimersByTime(20_000);
      for (let turn = 0; turn < turns; turn++) await undefined;
      await lock.release();
      expect(lockText(), `${turns} turns`).toBeUndefined();
    }
  });

  it("that cannot be given back is waited for no longer than it is worth", async () => {
    const lock = await take();
    vi.spyOn(bucket, "remove").mockReturnValue(new Promise(() => {}));
    await lock.release();
  }, 10_000);

  it("that another has taken meanwhile is neither stored again nor given back", async () => {
    const lock = await take();
    storeLock(elsewhere);
    const theirs = bucket.objects.get(LOCK_OBJECT);
    await vi.advanceTimersByTimeAsync(20_000);
    await lock.release();
    expect(bucket.objects.get(LOCK_OBJECT)).toBe(theirs);
  });

  it("that another takes at the same moment is theirs", async () => {
    vi.spyOn(bucket, "getVersion").mockImplementationOnce(async () => {
      storeLock(elsewhere);
      return undefined;
    });
    await expect(take()).rejects.toThrow(/process \d+ on elsewhere/);
  });
});

describe("a lock whose holder cannot be seen from here", () => {
  it.each([
    ["another machine", elsewhere],
    ["a machine of the same name", { ...sameName, boot: "another", pid: 1, startTime: "1" }],
    ["another process namespace", { ...sameName, namespace: "another" }],
    ["a holder whose clock is years ahead", { ...elsewhere, until: "2099-01-01T00:00:00Z" }],
  ])("%s, is theirs for 90 s from when it was last stored, and no longer", async (_where, holder) => {
    storeLock(holder);
    vi.setSystemTime(NOW + 89_999);
    await expect(take()).rejects.toBeInstanceOf(TargetRefusedError);
    vi.setSystemTime(NOW + 90_000);
    await (await take()).release();
    expect([...bucket.objects.keys()]).toEqual([]);
  });

  it.each([-50, 50])("is theirs by the store's clock, which is %i years ahead", async (years) => {
    bucket.aheadMs = years * 365 * 86_400_000;
    storeLock(elsewhere);
    vi.setSystemTime(NOW + 89_999);
    await expect(take()).rejects.toBeInstanceOf(TargetRefusedError);
    vi.setSystemTime(NOW + 90_000);
    await (await take()).release();
  });

  it("is not theirs until a time to come: a store's clock that was set back", async () => {
    bucket.aheadMs = 50 * 365 * 86_400_000;
    storeLock(elsewhere);
    bucket.aheadMs = 0;
    await (await take()).release();
  });

  it("is named by the refusal, and taken once it is removed", async () => {
    storeLock(elsewhere);
    await expect(take()).rejects.toThrow(`or remove ${bucket.locate(LOCK_OBJECT)}`);
    bucket.objects.delete(LOCK_OBJECT);
    await (await take()).release();
  });
});

describe("a lock is taken over", () => {
  it("from a process of this machine that is gone", async () => {
    storeLock({ ...currentProcess(), startTime: "1", token: "other" });
    const lock = await take();
    expect(JSON.parse(lockText() ?? "")).not.toMatchObject({ token: "other" });
    await lock.release();
  });

  const others = [
    "null",
    "",
    "7",
    '"text"',
    "[]",
    "{}",
    JSON.stringify({ ...elsewhere, pid: "1" }),
    JSON.stringify({ ...currentProcess(), startTime: "", pid: -1, token: "other" }),
  ];
  it.each(others)("where it is none: %j", async (text) => {
    bucket.store(LOCK_OBJECT, text);
    await (await take()).release();
    expect(lockText()).toBeUndefined();
  });
});
