/** Nothing is written, synced or removed through a link in a target, nor in a directory that took another's place. */

import fs from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { TargetRefusedError } from "../../../../lib/errors.ts";
import { temporariesOf } from "../../../../storage/posix/process-files.ts";
import { STATE } from "../../../../storage/posix/state.ts";
import { PosixTarget } from "../../../../storage/posix/target.ts";
import { LATER_MARKER, MARKER, RECORD, STATE as TREE } from "../../../support/places/bucket-targets.ts";
import { memoryDirectory, writeFiles } from "../../../support/places/directory.ts";

const TILE = "tile/0/x001/000";
const ISSUER = "issuer/some";
const LIST = ".state/list";

type Work = (target: PosixTarget) => Promise<unknown>;

/** Everything that changes a target, each with what it is done to. */
const WORK: Record<string, Work> = {
  claim: (target) => target.claim(MARKER),
  "replace the marker": (target) => target.replaceMarker(MARKER, MARKER),
  "put a tile": (target) => stored(target, "put", TILE),
  "keep a tile": (target) => stored(target, "keep", TILE),
  "put an issuer": (target) => stored(target, "put", ISSUER),
  "put a list": (target) => stored(target, "put", LIST),
  remove: (target) => target.remove(TILE),
  "lock and release": async (target) => (await target.lock()).release(),
  "hand over": (target) => target.handOver(MARKER, TREE, RECORD),
  "confirm a handover": (target) => target.confirmHandOver(),
  "publish a checkpoint": (target) => target.publishCheckpoint(Buffer.from("a checkpoint")),
};

async function stored(target: PosixTarget, how: "put" | "keep", path: string): Promise<void> {
  const writer = target.openWriter();
  const batch = writer.batch();
  try {
    await batch[how](path, Buffer.from("a tile"));
    await batch.commit();
  } finally {
    await batch.abandon();
  }
}

/** A claimed target with a tile, an issuer and the directory of this process's temporary files. */
async function newTarget(): Promise<string> {
  const root = memoryDirectory();
  await new PosixTarget(root).claim(MARKER);
  writeFiles(root, [
    [TILE, "a tile"],
    [ISSUER, "an issuer"],
    [join(STATE.temporaries, "1-1-1", "x-0"), "of a process that is gone"],
  ]);
  return root;
}

/** All that could be seen to change below a directory. */
function factsBelow(directory: string): string[] {
  const entries = fs.readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries
    .map(({ parentPath, name }) => {
      const { ino, size, mtimeNs, ctimeNs } = fs.lstatSync(join(parentPath, name), { bigint: true });
      return [join(parentPath, name), ino, size, mtimeNs, ctimeNs].join(" ");
    })
    .toSorted();
}

const processTemporaries = temporariesOf("/").slice(1);

const DIRECTORIES: [directory: string, refused: readonly string[]][] = [
  [".state", Object.keys(WORK)],
  [STATE.temporaries, Object.keys(WORK).filter((name) => !["remove", "confirm a handover"].includes(name))],
  [
    processTemporaries,
    ["claim", "replace the marker", "put a tile", "put an issuer", "put a list", "hand over"],
  ],
  ["tile", ["put a tile", "keep a tile", "remove", "lock and release", "claim"]],
  ["tile/0", ["put a tile", "keep a tile", "remove"]],
  ["tile/0/x001", ["put a tile", "keep a tile", "remove"]],
  ["issuer", ["put an issuer", "lock and release", "claim"]],
];

describe.each(DIRECTORIES)("%s", (directory, refused) => {
  test.each(Object.entries(WORK))("that is a link: %s", async (name, work) => {
    const [root, other] = [await newTarget(), await newTarget()];
    const [link, place] = [join(root, directory), join(other, directory)];
    fs.mkdirSync(place, { recursive: true });
    fs.rmSync(link, { recursive: true, force: true });
    fs.mkdirSync(dirname(link), { recursive: true });
    fs.symlinkSync(place, link);
    const before = factsBelow(other);
    const done = work(new PosixTarget(root));
    if (refused.includes(name)) await expect(done).rejects.toThrow(TargetRefusedError);
    await done.catch(() => {});
    expect(factsBelow(other)).toEqual(before);
    expect(fs.readlinkSync(link)).toBe(place);
  });
});

/** Puts something in the place of a directory, and gives the directories in which nothing may change then. */
const REPLACEMENTS: Record<string, (path: string, other: string) => readonly string[]> = {
  "a link to another log's": (path, other) => {
    fs.renameSync(path, `${path}.aside`);
    fs.symlinkSync(other, path);
    return [other, `${path}.aside`];
  },
  "a link to itself elsewhere": (path, other) => {
    fs.renameSync(path, join(dirname(other), "elsewhere"));
    fs.symlinkSync(join(dirname(other), "elsewhere"), path);
    return [join(dirname(other), "elsewhere")];
  },
  "another log's": (path, other) => {
    fs.renameSync(path, `${path}.aside`);
    fs.renameSync(other, path);
    return [path, `${path}.aside`];
  },
  nothing: (path) => {
    fs.renameSync(path, `${path}.aside`);
    return [`${path}.aside`];
  },
};

describe.each(Object.entries(REPLACEMENTS))("%s in the place of a directory", (_name, replace) => {
  test.each(["tile", "tile/0", "tile/0/x001"])("%s is noticed at the next write", async (directory) => {
    const [root, other] = [await newTarget(), await newTarget()];
    const writer = new PosixTarget(root).openWriter();
    const commit = async (path: string): Promise<void> => {
      const batch = writer.batch();
      await batch.put(path, Buffer.from("a tile"));
      await batch.commit();
    };
    await commit(TILE);
    const places = replace(join(root, directory), join(other, directory));
    const before = places.map(factsBelow);
    await expect(commit("tile/0/x001/001")).rejects.toThrow(TargetRefusedError);
    expect(places.map(factsBelow)).toEqual(before);
  });

  test("is noticed where it happens while the files are being named", async () => {
    const [root, other] = [await newTarget(), await newTarget()];
    const writer = new PosixTarget(root).openWriter();
    const batch = writer.batch();
    await batch.put(TILE, Buffer.from("a tile"));
    const rename = fs.renameSync;
    vi.spyOn(fs, "renameSync").mockImplementationOnce((from, to) => {
      rename(from, to);
      replace(join(root, "tile/0"), join(other, "tile/0"));
    });
    await expect(batch.commit()).rejects.toThrow(
      /was moved away or replaced|no such file|is a symbolic link/,
    );
  });
});

test("a link in the place of the temporary files' directory is noticed at the next write", async () => {
  const [root, other] = [await newTarget(), await newTarget()];
  const writer = new PosixTarget(root).openWriter();
  const batch = writer.batch();
  const put = async (path: string) => await batch.put(path, Buffer.from("a tile"));
  await put("tile/0/x001/001");
  fs.renameSync(join(root, processTemporaries), join(root, "aside"));
  fs.symlinkSync(join(other, processTemporaries), join(root, processTemporaries));
  const before = factsBelow(other);
  vi.spyOn(performance, "now").mockReturnValue(performance.now() + 1000);
  await expect(put("tile/0/x001/002")).rejects.toThrow(`${processTemporaries}: is a symbolic link`);
  await expect(batch.commit()).rejects.toThrow(`${processTemporaries}: is a symbolic link`);
  expect(fs.readdirSync(join(root, "tile/0/x001"))).toEqual(["000"]);
  expect(factsBelow(other)).toEqual(before);
});

test("the root may be a link, but not become another", async () => {
  const [root, other] = [await newTarget(), await newTarget()];
  const link = join(memoryDirectory(), "link");
  fs.symlinkSync(root, link);
  const target = new PosixTarget(link);
  await stored(target, "put", TILE);
  await target.replaceMarker(MARKER, LATER_MARKER);
  await target.replaceMarker(LATER_MARKER, MARKER);
  fs.rmSync(link);
  fs.symlinkSync(other, link);
  const before = factsBelow(other);
  await expect(target.replaceMarker(MARKER, LATER_MARKER)).rejects.toThrow(TargetRefusedError);
  expect(factsBelow(other)).toEqual(before);
});

test("a lock that is a link to another log's is neither touched nor removed", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const [root, other] = [await newTarget(), await newTarget()];
  const lock = await new PosixTarget(root).lock();
  writeFiles(other, [[STATE.lock, fs.readFileSync(join(root, STATE.lock))]]);
  fs.rmSync(join(root, STATE.lock));
  fs.symlinkSync(join(other, STATE.lock), join(root, STATE.lock));
  const before = factsBelow(other);
  vi.advanceTimersByTime(60_000);
  vi.useRealTimers();
  await lock.release();
  expect(factsBelow(other)).toEqual(before);
});

test.each([STATE.version, STATE.tree, STATE.record])(
  "%s that is a link is not taken for the target's own",
  async (name) => {
    const [root, other] = [await newTarget(), await newTarget()];
    writeFiles(other, [[name, MARKER]]);
    fs.rmSync(join(root, name), { force: true });
    fs.symlinkSync(join(other, name), join(root, name));
    const before = factsBelow(other);
    await expect(new PosixTarget(root).inspect()).rejects.toThrow(`${join(root, name)}: is a symbolic link`);
    await expect(new PosixTarget(root).lock()).rejects.toThrow(TargetRefusedError);
    expect(factsBelow(other)).toEqual(before);
  },
);

test.each([STATE.collection, STATE.lock, STATE.issuers])("%s that is a link is replaced", async (name) => {
  const [root, other] = [await newTarget(), await newTarget()];
  writeFiles(other, [[name, "another's"]]);
  fs.symlinkSync(join(other, name), join(root, name));
  const before = factsBelow(other);
  const target = new PosixTarget(root);
  expect(await target.inspect()).toEqual({ kind: "claimed", marker: MARKER });
  const lock = await target.lock();
  await stored(target, "put", STATE.issuers);
  await target.handOver(MARKER, TREE, RECORD);
  expect(fs.lstatSync(join(root, name)).isFile()).toBe(true);
  await lock.release();
  expect(factsBelow(other)).toEqual(before);
});
