/** The lock that tells a second copy of the first: held by the living, taken over from the dead. */

import fs from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { TargetRefusedError } from "../../../../lib/errors.ts";
import { DurableDirectory } from "../../../../storage/posix/durable.ts";
import { takeLock, temporariesOf } from "../../../../storage/posix/process-files.ts";
import { STATE } from "../../../../storage/posix/state.ts";
import { currentProcess, processFileName } from "../../../../storage/shared/process-identity.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";

interface Place {
  readonly root: string;
  readonly path: string;
  readonly take: () => ReturnType<typeof takeLock>;
  readonly holder: () => Record<string, unknown>;
  /** Leaves a lock as somebody else has written it, last touched so long ago. */
  readonly leave: (holder: unknown, secondsAgo?: number) => void;
}

function newPlace(): Place {
  const root = memoryDirectory();
  const path = join(root, STATE.lock);
  fs.mkdirSync(dirname(path));
  return {
    root,
    path,
    take: () => takeLock(new DurableDirectory(root, temporariesOf(root))),
    holder: () => JSON.parse(fs.readFileSync(path, "utf8")),
    leave(holder, secondsAgo = 0) {
      fs.writeFileSync(path, typeof holder === "string" ? holder : JSON.stringify(holder));
      const then = new Date(Date.now() - secondsAgo * 1000);
      fs.utimesSync(path, then, then);
    },
  };
}

/** A holder as this process would write it. */
async function ownHolder(): Promise<Record<string, unknown>> {
  const { take, holder } = newPlace();
  const lock = await take();
  const own = holder();
  await lock.release();
  return own;
}

test("is taken, says who holds it, and is gone when it is given back", async () => {
  const { path, take, holder } = newPlace();
  const lock = await take();
  expect(holder()).toMatchObject({ pid: process.pid });
  await lock.release();
  expect(fs.existsSync(path)).toBe(false);
});

test("is not taken from the living, this very process included", async () => {
  const { take, holder } = newPlace();
  const lock = await take();
  const before = holder();
  await expect(take()).rejects.toThrow(TargetRefusedError);
  await expect(take()).rejects.toThrow(new RegExp(`another copy .* process ${process.pid} on `));
  expect(holder()).toEqual(before);
  await lock.release();
  await (await take()).release();
});

describe("is taken over", () => {
  test.each<[string, Record<string, unknown>, number]>([
    ["from a process that is gone", { pid: 2 ** 22 + 1, token: "other" }, 0],
    ["from a process whose number another has now", { startTime: "1", token: "other" }, 0],
    ["from this machine before it was started anew", { boot: "another", token: "other" }, 0],
    ["from another machine that has fallen silent", { host: "elsewhere", token: "other" }, 61],
    ["from another container that has fallen silent", { namespace: "another", token: "other" }, 61],
  ])("%s", async (_name, changes, secondsAgo) => {
    const { take, holder, leave } = newPlace();
    leave({ ...(await ownHolder()), ...changes }, secondsAgo);
    const lock = await take();
    expect(holder().token).not.toBe("other");
    await lock.release();
  });

  test.each([
    "",
    "{",
    "null",
    "[]",
    '{"pid":1}',
    '{"pid":"1","host":"","boot":"","namespace":"","startTime":"","token":""}',
  ])("where it says nothing that can be read: %s", async (text) => {
    const { take, leave } = newPlace();
    leave(text);
    await (await take()).release();
  });
});

test("is not taken from another machine or container that was heard of lately", async () => {
  const { take, leave } = newPlace();
  for (const changes of [{ host: "elsewhere" }, { namespace: "another" }]) {
    const holder: Record<string, unknown> = { ...(await ownHolder()), token: "other", ...changes };
    leave(holder, 30);
    await expect(take()).rejects.toThrow(`on ${holder.host}`);
  }
});

test("is the last one's to write it, where two have found its holder dead", async () => {
  const { root, leave, holder } = newPlace();
  const other = { ...(await ownHolder()), token: "other" };
  leave({ ...other, startTime: "1" });
  const directory = new DurableDirectory(root, temporariesOf(root));
  const replace = directory.replace.bind(directory);
  directory.replace = async (...args) => {
    await replace(...args);
    leave(other);
  };
  await expect(takeLock(directory)).rejects.toThrow(TargetRefusedError);
  expect(holder().token).toBe("other");
});

test("is touched while it is held, so that others who cannot see its holder hear of it", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const { path, take } = newPlace();
  const lock = await take();
  fs.utimesSync(path, 0, 0);
  await vi.advanceTimersByTimeAsync(10_000);
  await vi.waitUntil(() => fs.statSync(path).mtimeMs > 0);
  await lock.release();
});

test("is taken with the temporary files of processes that are gone, and of no other", async () => {
  const { root, take } = newPlace();
  const self = currentProcess();
  const alive = [self, { ...self, host: "elsewhere", startTime: "1" }, { ...self, namespace: "another" }];
  const gone = [{ startTime: "1" }, { pid: 2 ** 22 + 1 }].map((other) => ({ ...self, ...other }));
  const directories = join(root, STATE.temporaries);
  for (const each of [...alive, ...gone]) {
    fs.mkdirSync(join(directories, processFileName(each)), { recursive: true });
  }
  const lock = await take();
  expect(fs.readdirSync(directories).sort()).toEqual(alive.map(processFileName).sort());
  await lock.release();
  expect(fs.readdirSync(directories)).toHaveLength(alive.length - 1);
});

test("is not given back by one that has lost it", async () => {
  const { take, leave, holder } = newPlace();
  const lock = await take();
  leave({ ...(await ownHolder()), token: "other" });
  await lock.release();
  expect(holder()).toMatchObject({ token: "other" });
});
