/** The lock in a bucket that tells a second copy of the first: held by who is at work, taken over from who is not. */

import { hostname } from "node:os";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { TargetRefusedError } from "../../../../lib/errors.ts";
import { LOCK_OBJECT, takeGcsLock } from "../../../../storage/bucket/lock.ts";
import type { GcsDocument } from "../../../../storage/gcs/library.ts";
import { currentProcess } from "../../../../storage/shared/process-identity.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");

beforeEach((context) => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"], now: NOW });
  context.onTestFinished(() => void vi.useRealTimers());
});

/** A bucket of one object. */
class OneObject {
  document: GcsDocument | undefined;
  #generation = 0;

  store(text: string): void {
    this.document = { text, generation: String(++this.#generation), storedAt: Date.now() };
  }

  async read(path: string): Promise<GcsDocument | undefined> {
    expect(path).toBe(LOCK_OBJECT);
    return this.document;
  }

  async write(_path: string, text: string, instead: GcsDocument | undefined): Promise<boolean> {
    if (this.document?.generation !== instead?.generation) return false;
    this.store(text);
    return true;
  }

  async remove(_path: string, generation: string): Promise<boolean> {
    if (this.document?.generation === generation) this.document = undefined;
    return this.document === undefined;
  }
}

const take = (bucket: OneObject, afterwards = bucket) => takeGcsLock(bucket, afterwards, "gs://bucket/log/");
const elsewhere = { ...currentProcess(), host: "elsewhere", token: "other" };

describe("a lock in a bucket", () => {
  it("names its holder, is refused to a second copy, and is gone when it is given back", async () => {
    const bucket = new OneObject();
    const lock = await take(bucket);
    expect(JSON.parse(bucket.document?.text ?? "")).toMatchObject({ pid: process.pid, host: hostname() });
    await expect(take(bucket)).rejects.toThrow(
      new RegExp(`another copy is at work here.*process ${process.pid} on `),
    );
    await lock.release();
    expect(bucket.document).toBeUndefined();
  });

  it("is stored again while it is held, by what goes on when the copy is stopped", async () => {
    const bucket = new OneObject();
    const ended = vi.fn(async () => expect.unreachable("the copy was stopped"));
    const stopped = { read: vi.fn(() => bucket.read(LOCK_OBJECT)), write: vi.fn(), remove: ended };
    stopped.write.mockImplementationOnce((_path, text, instead) => bucket.write(LOCK_OBJECT, text, instead));
    const lock = await takeGcsLock(stopped, bucket, "gs://bucket/log/");
    for (const method of [stopped.read, stopped.write]) method.mockImplementation(ended);
    for (let beats = 1; beats <= 10; beats++) {
      await vi.advanceTimersByTimeAsync(20_000);
      expect(bucket.document?.storedAt).toBe(NOW + beats * 20_000);
    }
    await lock.release();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(bucket.document).toBeUndefined();
  });

  it("that another has taken meanwhile is neither stored again nor given back", async () => {
    const bucket = new OneObject();
    const lock = await take(bucket);
    bucket.store(JSON.stringify(elsewhere));
    const theirs = bucket.document;
    await vi.advanceTimersByTimeAsync(20_000);
    await lock.release();
    expect(bucket.document).toBe(theirs);
  });

  it("that another takes at the same moment is theirs", async () => {
    const bucket = new OneObject();
    const read = vi.spyOn(bucket, "read");
    read.mockImplementationOnce(async () => {
      bucket.store(JSON.stringify(elsewhere));
      return undefined;
    });
    await expect(take(bucket)).rejects.toThrow(/process \d+ on elsewhere/);
  });
});

describe("a lock whose holder cannot be seen from here", () => {
  it.each([
    ["another machine", elsewhere],
    [
      "a machine of the same name",
      { ...elsewhere, host: hostname(), boot: "another", pid: 1, startTime: "1" },
    ],
    ["another process namespace", { ...elsewhere, host: hostname(), namespace: "another" }],
    ["a holder whose clock is years ahead", { ...elsewhere, until: "2099-01-01T00:00:00Z" }],
  ])("%s, is theirs for 90 s from when it was last stored, and no longer", async (_where, holder) => {
    const bucket = new OneObject();
    bucket.store(JSON.stringify(holder));
    vi.setSystemTime(NOW + 89_999);
    await expect(take(bucket)).rejects.toBeInstanceOf(TargetRefusedError);
    vi.setSystemTime(NOW + 90_000);
    await (await take(bucket)).release();
  });
});

describe("a lock is taken over", () => {
  it("from a process of this machine that is gone", async () => {
    const bucket = new OneObject();
    bucket.store(JSON.stringify({ ...currentProcess(), startTime: "1", token: "other" }));
    await (await take(bucket)).release();
  });

  it.each(["null", "", "7", '"text"', "[]", "{}", JSON.stringify({ ...elsewhere, pid: "1" })])(
    "where it is none: %j",
    async (text) => {
      const bucket = new OneObject();
      bucket.store(text);
      await (await take(bucket)).release();
      expect(bucket.document).toBeUndefined();
    },
  );
});
