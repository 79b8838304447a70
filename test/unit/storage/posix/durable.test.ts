/** Durable writes: whole or not at all, and never named while an fsync has failed. */

import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { WriteAgainError } from "../../../../lib/migrate/ports/target.ts";
import { DurableDirectory } from "../../../../storage/posix/durable.ts";
import { filesBelow, memoryDirectory } from "../../../support/places/directory.ts";

interface Place {
  readonly root: string;
  readonly directory: DurableDirectory;
  readonly at: (path: string) => string;
  /** Files by their names; temporary ones would be among them. */
  readonly files: () => string[];
}

function newPlace(syncInThread = true): Place {
  const root = memoryDirectory();
  const directory = new DurableDirectory(root, join(root, "tmp"), syncInThread);
  return { root, directory, at: (path) => join(root, path), files: () => filesBelow(root) };
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = (path: string): string => fs.readFileSync(path, "utf8");

/** A batch of files, each with its own name in it. */
function batchOf(directory: DurableDirectory, ...names: readonly string[]) {
  const batch = directory.batch();
  for (const name of names) batch.put(name, bytes(name));
  return batch;
}

/** Makes fsync of some files or directories fail, as a disk does that could not write. */
function failingFsync(fails: (path: string, call: number) => boolean): void {
  const fsyncSync = fs.fsyncSync;
  let calls = 0;
  vi.spyOn(fs, "fsyncSync").mockImplementation((fd) => {
    if (fails(fs.readlinkSync(`/proc/self/fd/${fd}`), calls++)) {
      throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
    }
    fsyncSync(fd);
  });
}

describe("create", () => {
  test("writes a file and the directories above it", async () => {
    const { directory, at, files } = newPlace();
    expect(await directory.create(at("a/b/file"), bytes("mine"))).toBe(true);
    expect(textOf(at("a/b/file"))).toBe("mine");
    expect(files()).toEqual(["a/b/file"]);
  });

  test("is exclusive: it never replaces a file, a directory or a link that leads nowhere", async () => {
    const { directory, at } = newPlace();
    fs.writeFileSync(at("file"), "theirs");
    fs.mkdirSync(at("directory"));
    fs.symlinkSync("/nowhere", at("link"));
    for (const name of ["file", "directory", "link"]) {
      expect(await directory.create(at(name), bytes("mine")), name).toBe(false);
    }
    expect(textOf(at("file"))).toBe("theirs");
    expect(fs.readlinkSync(at("link"))).toBe("/nowhere");
    expect(filesBelow(at("tmp"))).toEqual([]);
  });

  test.each(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])(
    "says where a file system has no hard links (%s), and leaves no trace",
    async (code) => {
      const { directory, at, files } = newPlace();
      vi.spyOn(fs, "linkSync").mockImplementation(() => {
        throw Object.assign(new Error(`${code}: link`), { code });
      });
      const creating = directory.create(at("file"), bytes("mine"));
      await expect(creating).rejects.toThrow(OperationError);
      await expect(creating).rejects.toThrow(/\/file: .*has no hard links.*another file system/);
      expect(files()).toEqual([]);
    },
  );

  test("lets one of many at once through", async () => {
    const { root, at } = newPlace();
    const creations = Array.from({ length: 20 }, (_, i) =>
      new DurableDirectory(root, join(root, "tmp")).create(at("file"), bytes(`number ${i}`)),
    );
    const created = await Promise.all(creations);
    expect(created.filter(Boolean)).toHaveLength(1);
    expect(textOf(at("file"))).toBe(`number ${created.indexOf(true)}`);
  });

  test.each([/tmp\//, /\/place$/])("leaves no name behind where %s could not be synced", async (failing) => {
    const { directory, at, files } = newPlace();
    fs.mkdirSync(at("place"));
    failingFsync((path) => failing.test(path));
    await expect(directory.create(at("place/file"), bytes("mine"))).rejects.toThrow(/EIO/);
    expect(files()).toEqual([]);
  });
});

test("what the system takes a few bytes at a time is written whole", async () => {
  const { directory, at } = newPlace();
  const writeSync = fs.writeSync as (fd: number, bytes: Uint8Array, offset: number, length: number) => number;
  const few = (fd: number, data: Uint8Array, offset: number, length: number) =>
    writeSync(fd, data, offset, Math.min(3, length));
  vi.spyOn(fs, "writeSync").mockImplementation(few as typeof fs.writeSync);
  await directory.replace(at("file"), bytes("ten bytes."));
  expect(textOf(at("file"))).toBe("ten bytes.");
});

test("a temporary name that exists is not written into, wherever it leads", () => {
  const { directory, at } = newPlace();
  const batch = batchOf(directory, "a/1");
  const [first = ""] = fs.readdirSync(at("tmp"));
  fs.writeFileSync(at("theirs"), "theirs");
  fs.symlinkSync(at("theirs"), at(`tmp/${first.replace(/0$/, "1")}`));
  expect(() => batch.put("a/2", bytes("two"))).toThrow(OperationError);
  expect(textOf(at("theirs"))).toBe("theirs");
  batch.abandon();
});

describe("replace", () => {
  test("replaces a file at one stroke", async () => {
    const { directory, at, files } = newPlace();
    await directory.replace(at("file"), bytes("first"));
    const before = fs.openSync(at("file"), "r");
    await directory.replace(at("file"), bytes("second"));
    expect(textOf(at("file"))).toBe("second");
    expect(fs.readFileSync(before, "utf8")).toBe("first");
    fs.closeSync(before);
    expect(files()).toEqual(["file"]);
  });

  test("leaves the old file where the new one could not be synced", async () => {
    const { directory, at, files } = newPlace();
    await directory.replace(at("file"), bytes("first"));
    failingFsync((path) => path.includes("/tmp/"));
    await expect(directory.replace(at("file"), bytes("second"))).rejects.toThrow(/EIO/);
    expect(textOf(at("file"))).toBe("first");
    expect(files()).toEqual(["file"]);
  });
});

describe("a batch", () => {
  test.each([true, false])("names its files at commit, not before (in the thread: %s)", async (inThread) => {
    const { directory, at, files } = newPlace(inThread);
    const batch = directory.batch();
    const buffer = Buffer.from("one");
    batch.put("a/1", buffer);
    buffer.fill(0);
    batch.put("b/2", bytes("two"));
    expect(files().filter((path) => !path.startsWith("tmp/"))).toEqual([]);
    await batch.commit();
    expect(files()).toEqual(["a/1", "b/2"]);
    expect(textOf(at("a/1"))).toBe("one");
  });

  test("that is abandoned leaves no trace", () => {
    const { directory, files } = newPlace();
    batchOf(directory, "a/1").abandon();
    expect(files()).toEqual([]);
  });

  test.each([0, 1, 2, 3, 4])("is all or nothing, whichever fsync fails: %i", async (failing) => {
    const { directory, files } = newPlace();
    const batch = batchOf(directory, "a/1", "b/2");
    failingFsync((_path, call) => call === failing);
    const commit = batch.commit();
    await expect(commit).rejects.toBeInstanceOf(WriteAgainError);
    await expect(commit).rejects.toThrow(/input\/output error/);
    expect(files()).toEqual([]);
  });

  test("leaves nothing half written when a name cannot be given, and nothing of it is vouched for", async () => {
    const { directory, at, files } = newPlace();
    fs.mkdirSync(at("b/2"), { recursive: true });
    await expect(batchOf(directory, "a/1", "b/2").commit()).rejects.toThrow(OperationError);
    // What has its name by then is whole: whoever finds it syncs it.
    expect(files()).toEqual(["a/1"]);
    expect(textOf(at("a/1"))).toBe("a/1");
  });

  test("tells a full disk, and leaves no trace", async () => {
    const { directory, files } = newPlace();
    const batch = batchOf(directory, "a/1");
    vi.spyOn(fs, "writeSync").mockImplementationOnce(() => {
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    });
    expect(() => batch.put("a/2", bytes("two"))).toThrow(/a\/2: the disk is full/);
    batch.abandon();
    expect(files()).toEqual([]);
  });

  test("writes a found file again when it cannot be synced, and does not sync it a second time", async () => {
    const { directory, at } = newPlace();
    fs.writeFileSync(at("found"), "found");
    const inode = fs.statSync(at("found")).ino;
    const synced: string[] = [];
    failingFsync((path) => synced.push(path) === 1);
    const batch = directory.batch();
    await batch.keep("found", bytes("found"));
    await batch.commit();
    expect(synced.filter((path) => path === at("found"))).toHaveLength(1);
    expect(fs.statSync(at("found")).ino).not.toBe(inode);
    expect(textOf(at("found"))).toBe("found");
  });

  test("writes a found file again that has another name, and leaves that one alone", async () => {
    const { directory, at } = newPlace();
    fs.writeFileSync(at("theirs"), "found");
    fs.linkSync(at("theirs"), at("found"));
    const before = fs.statSync(at("theirs")).ino;
    const batch = directory.batch();
    await batch.keep("found", bytes("found"));
    await batch.commit();
    const [found, theirs] = ["found", "theirs"].map((name) => fs.statSync(at(name)));
    expect([found?.nlink, theirs?.nlink, theirs?.ino]).toEqual([1, 1, before]);
    expect([textOf(at("found")), textOf(at("theirs"))]).toEqual(["found", "found"]);
  });

  test("does not leave a found file to a directory that could not be synced", async () => {
    const { directory, at, files } = newPlace();
    fs.mkdirSync(at("a"));
    fs.writeFileSync(at("a/found"), "found");
    failingFsync((path) => path === at("a"));
    const batch = directory.batch();
    await batch.keep("a/found", bytes("found"));
    await expect(batch.commit()).rejects.toThrow(OperationError);
    // Whoever comes next must write it again: another fsync of the directory would prove nothing.
    expect(files()).toEqual([]);
  });

  test("removes nothing of a place that is another's by now", async () => {
    const { root, at, files } = newPlace();
    const requireOurs = vi.fn(() => {});
    const batch = batchOf(new DurableDirectory(root, at("tmp"), true, requireOurs), "a/1");
    failingFsync((path) => {
      if (path !== at("a")) return false;
      requireOurs.mockImplementation(() => {
        throw new Error("handed over");
      });
      return true;
    });
    await expect(batch.commit()).rejects.toThrow("handed over");
    expect(files()).toEqual(["a/1"]);
  });

  test("below a link that leads nowhere, or a file, says what is in the way", async () => {
    const { directory, at } = newPlace();
    fs.symlinkSync("/nowhere/at/all", at("a"));
    await expect(batchOf(directory, "a/1").commit()).rejects.toThrow(/\/a: is a symbolic link/);
    fs.writeFileSync(at("b"), "theirs");
    await expect(batchOf(directory, "b/1").commit()).rejects.toThrow(/\/b: is a file, not a directory/);
  });

  test("below a root that is a link that leads nowhere says what is in the way", async () => {
    const { at } = newPlace();
    fs.symlinkSync("/nowhere/at/all", at("root"));
    const directory = new DurableDirectory(at("root"), at("root/tmp"), true);
    expect(() => batchOf(directory, "a/1")).toThrow(/is not a directory.*dangling link/);
  });

  test("syncs directories again that could not be synced before", async () => {
    const { root, directory, at } = newPlace();
    const commit = () => batchOf(directory, "a/b/1").commit();
    failingFsync((path) => path === at("a"));
    await expect(commit()).rejects.toThrow(WriteAgainError);
    vi.restoreAllMocks();
    const synced: string[] = [];
    failingFsync((path) => synced.push(path) === 0);
    await commit();
    expect(synced).toEqual(expect.arrayContaining([at("a/b"), at("a"), root]));
  });

  test("closes no file while another of its files is being synced", async () => {
    const { directory } = newPlace();
    const slow = Promise.withResolvers<void>();
    const open: number[] = [];
    vi.spyOn(directory, "sync").mockImplementation(async (fd) => {
      if (open.push(fd) === 1) throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
      await slow.promise;
      fs.fstatSync(fd);
    });
    const commit = expect(batchOf(directory, "a/1", "b/2").commit()).rejects.toThrow(WriteAgainError);
    await new Promise((resume) => setImmediate(resume));
    for (const fd of open) expect(() => fs.fstatSync(fd)).not.toThrow();
    slow.resolve();
    await commit;
  });

  test("may overlap with another", async () => {
    const { directory, at, files } = newPlace(false);
    const batches = Array.from({ length: 8 }, (_, i) =>
      batchOf(directory, ...[0, 1, 2, 3].map((j) => `${j}/${i}`)),
    );
    await Promise.all(batches.map((batch) => batch.commit()));
    expect(files()).toHaveLength(32);
    expect(textOf(at("3/7"))).toBe("3/7");
  });
});

test.each([0o022, 0o077])(
  "modes are those that log software expects, 0644 and 0755, with umask %o",
  async (umask) => {
    const before = process.umask(umask);
    onTestFinished(() => void process.umask(before));
    const { root } = newPlace();
    const target = join(root, "above/target");
    const directory = new DurableDirectory(target, join(target, "tmp"), true);
    await directory.replace(join(target, "a/file"), bytes("x"));
    await batchOf(directory, "b/file").commit();
    const modeOf = (path: string) => fs.statSync(join(root, path)).mode & 0o777;
    for (const path of ["above/target/a/file", "above/target/b/file"]) expect(modeOf(path)).toBe(0o644);
    for (const path of ["above", "above/target", "above/target/a", "above/target/b", "above/target/tmp"]) {
      expect([path, modeOf(path)]).toEqual([path, 0o755]);
    }
  },
);

test("a directory keeps the group that it has from the one above it", async () => {
  const before = process.umask(0o027);
  onTestFinished(() => void process.umask(before));
  const { root, directory, at } = newPlace();
  fs.chmodSync(root, 0o2755);
  await directory.replace(at("a/file"), bytes("x"));
  expect(fs.statSync(at("a")).mode & 0o7777).toBe(0o2755);
});

test("temporary files are made again where another copy removes their directory", async () => {
  const { directory, root, at } = newPlace();
  const { openSync } = fs;
  let removals = 0;
  vi.spyOn(fs, "openSync").mockImplementation((...args) => {
    if (removals++ < 3) fs.rmSync(join(root, "tmp"), { recursive: true, force: true });
    return openSync(...args);
  });
  await directory.replace(at("file"), bytes("mine"));
  expect(textOf(at("file"))).toBe("mine");
});

test("a temporary file that cannot be closed or removed changes neither success nor the failure", async () => {
  const { directory, at } = newPlace();
  const fails = (code: string) => () => {
    throw Object.assign(new Error(`${code}: at the end`), { code });
  };
  const [close, remove] = [vi.spyOn(fs, "closeSync"), vi.spyOn(fs, "rmSync")];
  const closed: number[] = [];
  close.mockImplementation((fd) => {
    closed.push(fd);
    fails("EIO")();
  });
  remove.mockImplementation(fails("EROFS"));
  expect(await directory.create(at("created"), bytes("mine"))).toBe(true);
  expect(await directory.create(at("created"), bytes("mine"))).toBe(false);
  await directory.replace(at("replaced"), bytes("mine"));
  await batchOf(directory, "batch").commit();
  vi.spyOn(fs, "writeSync").mockImplementationOnce(fails("ENOSPC"));
  await expect(directory.create(at("full"), bytes("mine"))).rejects.toThrow("ENOSPC");
  vi.restoreAllMocks();
  for (const fd of closed) fs.closeSync(fd);
});
