/** The lock that tells a second copy of the first: held by the living, taken over from the dead. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { TargetRefusedError } from "../../../../lib/errors.ts";
import { DurableDirectory } from "../../../../storage/posix/durable.ts";
import { takeLock } from "../../../../storage/posix/lock.ts";
import { temporariesOf } from "../../../../storage/posix/process-files.ts";
import { STATE } from "../../../../storage/posix/state.ts";
import { currentProcess, processFileName } from "../../../../storage/shared/process-identity.ts";
import { failureOf } from "../../../support/migration.ts";
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
    "x".repeat(5_000_000),
  ])("where it says nothing that can be read: %s", async (text) => {
    const { take, leave } = newPlace();
    leave(text);
    await (await take()).release();
  });

  // kill(2) takes all but one of these for a group of processes, or for every process.
  test.each([-1, 0, -process.pid, 1.5, 2 ** 31, 2 ** 53])("from process %d, which is none", async (pid) => {
    const { take, leave } = newPlace();
    leave({ ...(await ownHolder()), pid, startTime: "", token: "other" });
    await (await take()).release();
  });

  test("from a FIFO, a link to one, and a socket, which are not opened", async () => {
    const { root, path, take, holder } = newPlace();
    const pipe = join(root, "pipe");
    execFileSync("mkfifo", [pipe]);
    const server = createServer().listen(join(root, "socket"));
    await once(server, "listening");
    onTestFinished(() => void server.close());
    for (const odd of [
      () => execFileSync("mkfifo", [path]),
      () => fs.symlinkSync(pipe, path),
      () => fs.linkSync(join(root, "socket"), path),
    ]) {
      odd();
      const lock = await take();
      expect(holder()).toMatchObject({ pid: process.pid });
      await lock.release();
    }
  });
});

test("names its file in a command that removes it, whatever the path", async () => {
  const root = join(memoryDirectory(), "it's $(a) log");
  fs.mkdirSync(join(root, ".state"), { recursive: true });
  const holder = { ...(await ownHolder()), host: "elsewhere" };
  fs.writeFileSync(join(root, STATE.lock), JSON.stringify(holder));
  const take = () => takeLock(new DurableDirectory(root, temporariesOf(root)));
  const { message } = await failureOf(take());
  expect(message).toContain(root);
  execFileSync("sh", ["-c", /remove its lock: (rm .*)$/.exec(message)?.[1] ?? "false"]);
  await (await take()).release();
});

describe("is held, where its holder cannot be seen, by the clock of the file system", () => {
  const SECOND = 1000;

  /** The time that files are stamped with, so much later than it is. */
  function shiftFileSystemClock(seconds: number): void {
    const { fstatSync } = fs;
    vi.spyOn(fs, "fstatSync").mockImplementation(((fd: number, options?: fs.StatSyncOptions) => {
      const stat = fstatSync(fd, options) as fs.Stats | fs.BigIntStats;
      if (typeof stat.mtimeMs === "number") stat.mtimeMs += seconds * SECOND;
      return stat;
    }) as typeof fs.fstatSync);
  }

  function setClock(date: string): void {
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"], now: Date.parse(date) });
    onTestFinished(() => void vi.useRealTimers());
  }

  test.each(["1990-01-01", "2099-01-01"])("whether it is %s here", async (date) => {
    const { take, leave } = newPlace();
    const holder = { ...(await ownHolder()), host: "elsewhere" };
    leave(holder, 30);
    setClock(date);
    await expect(take()).rejects.toThrow("on elsewhere");
    vi.useRealTimers();
    leave(holder, 61);
    setClock(date);
    await (await take()).release();
  });

  test("for no longer than one that was just touched, though its holder touched it in 2099", async () => {
    const { take, leave } = newPlace();
    leave({ ...(await ownHolder()), host: "elsewhere" }, -73 * 365 * 86_400);
    await expect(take()).rejects.toThrow("on elsewhere");
    shiftFileSystemClock(50);
    await expect(take()).rejects.toThrow("on elsewhere");
    vi.restoreAllMocks();
    shiftFileSystemClock(61);
    await (await take()).release();
  });

  test("and not if that was set back since", async () => {
    const { take, leave } = newPlace();
    leave({ ...(await ownHolder()), host: "elsewhere" });
    shiftFileSystemClock(-86_400);
    await (await take()).release();
  });

  test("which touches it", async () => {
    const { path, take, holder } = newPlace();
    setClock("2099-01-01");
    const lock = await take();
    const before = holder();
    fs.utimesSync(path, 0, 0);
    await vi.advanceTimersByTimeAsync(10 * SECOND);
    await vi.waitUntil(() => fs.statSync(path).mtimeMs > 0);
    vi.useRealTimers();
    expect(Math.abs(fs.statSync(path).mtimeMs - Date.now())).toBeLessThan(60 * SECOND);
    expect(holder()).toEqual(before);
    await lock.release();
  });
});

test("is not touched once it is another's", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const { path, take, leave } = newPlace();
  const lock = await take();
  leave({ ...(await ownHolder()), token: "other" }, 1000);
  const before = fs.statSync(path);
  await vi.advanceTimersByTimeAsync(10_000);
  await lock.release();
  expect(fs.statSync(path)).toMatchObject({ mtimeMs: before.mtimeMs, ctimeMs: before.ctimeMs });
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

test("is given back without the temporary files of a copy that starts at that moment", async () => {
  const { root, take } = newPlace();
  const theirs = join(root, STATE.temporaries, "another", "file");
  const lock = await take();
  const { rmdirSync, readdirSync } = fs;
  // Node 22 calls these two itself, for directories below.
  const startsAt = (path: fs.PathLike): void => {
    if (path !== join(root, STATE.temporaries)) return;
    fs.mkdirSync(dirname(theirs), { recursive: true });
    fs.writeFileSync(theirs, "staged");
  };
  // After it has looked, and before it removes.
  vi.spyOn(fs, "readdirSync").mockImplementation(((path: string) => {
    const names = readdirSync(path);
    startsAt(path);
    return names;
  }) as typeof fs.readdirSync);
  vi.spyOn(fs, "rmdirSync").mockImplementation((path) => {
    startsAt(path);
    return rmdirSync(path);
  });
  await lock.release();
  expect(fs.readFileSync(theirs, "utf8")).toBe("staged");
});

test("is given back even if temporary files cannot be removed, which is reported", async () => {
  const { root, path, take } = newPlace();
  const lock = await take();
  const { rmSync } = fs;
  vi.spyOn(fs, "rmSync").mockImplementation((at, options) => {
    if (String(at).startsWith(join(root, STATE.temporaries)))
      throw Object.assign(new Error("EROFS"), { code: "EROFS" });
    rmSync(at, options);
  });
  await expect(lock.release()).rejects.toThrow(/tlog-migrate\.tmp\S*: the file system is read-only/);
  expect(fs.existsSync(path)).toBe(false);
});
