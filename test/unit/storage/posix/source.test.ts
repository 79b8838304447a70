/** Directories as sources: they are only read, and only regular files of a bearable size. */

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { ByteBudget } from "../../../../lib/migrate/read/byte-budget.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { GzipSource, PosixSource } from "../../../../storage/posix/source.ts";
import { Lender } from "../../../support/http/lender.ts";
import { ANY, textOf, turns } from "../../../support/http/reads.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { migrateLog } from "../../../support/migration.ts";
import {
  differences,
  directoryContents,
  logDirectory,
  memoryDirectory,
  writeFiles,
} from "../../../support/places/directory.ts";

test("a bundle that is compressed is explained, in either format", () => {
  const { source } = newSource();
  for (const path of ["tile/entries/000", "tile/data/000.p/5"]) {
    expect(source.explain(path, gzipSync("a bundle"))).toMatch(/is gzip.*name the log as gzip\+file:\/\//);
    expect(source.explain(path, Buffer.from("a bundle"))).toBeUndefined();
  }
  expect(source.explain("tile/0/000", gzipSync("a tile"))).toBeUndefined();
});

function newSource(files: Record<string, string> = {}): { source: PosixSource; root: string } {
  const root = memoryDirectory();
  writeFiles(root, Object.entries(files));
  return { source: new PosixSource(root), root };
}

test("a file is read whole", async () => {
  const { source, root } = newSource({ "tile/0/000": "hashes", empty: "" });
  expect(await source.read("tile/0/000", { maxBytes: 6 })).toEqual(Buffer.from("hashes"));
  expect(await source.read("empty", { maxBytes: 0 })).toEqual(Buffer.alloc(0));
  expect(source.locate("tile/0/000")).toBe(join(root, "tile/0/000"));
});

test("a file that is too large is refused before it is held", async () => {
  const { source } = newSource({ file: "1234567" });
  const reservation = { atLeast: () => Promise.reject(new Error("asked for room")) };
  await expect(source.read("file", { maxBytes: 6, reservation })).rejects.toThrow(FormatError);
});

test("room is asked for before the bytes are read, and waited for", async () => {
  const { source } = newSource({ file: "1234567" });
  const lender = new Lender({ held: true });
  const read = source.read("file", { maxBytes: 9, reservation: lender });
  await lender.asked;
  await turns(10);
  expect(lender.amounts).toEqual([7]);
  expect(lender.lent).toEqual([]);
  lender.grant();
  expect(await textOf(read)).toBe("1234567");
});

test("a file that is cut off once it is open is no longer than what is left of it", async () => {
  const { source, root } = newSource({ file: "1234567" });
  const reservation = { atLeast: () => void fs.truncateSync(join(root, "file"), 3) };
  expect(await textOf(source.read("file", { maxBytes: 9, reservation }))).toBe("123");
});

interface Reads {
  read(buffer: Buffer, options: { offset: number; position: number; length?: number }): Promise<unknown>;
}

/** Has the system read each file as told. */
async function systemReads(read: (...args: Parameters<Reads["read"]>) => Parameters<Reads["read"]>) {
  const handle = await open(import.meta.filename);
  const prototype = Object.getPrototypeOf(handle) as Reads;
  await handle.close();
  const original = prototype.read;
  vi.spyOn(prototype, "read").mockImplementation(async function (this: unknown, ...args) {
    return await original.apply(this as Reads, read(...args));
  });
}

test("a file of which the system gives a few bytes at a time is read whole", async () => {
  const { source } = newSource({ file: "1234567" });
  await systemReads((buffer, { offset, position }) => [buffer, { offset, position, length: 1 }]);
  expect(await textOf(source.read("file", { maxBytes: 7 }))).toBe("1234567");
});

test.each([
  ["EIO", true],
  ["ENFILE", true],
  ["EMFILE", false],
  ["EACCES", false],
])("a file that cannot be read for %s may be read later: %s", async (code, retryable) => {
  const { source } = newSource({ file: "1234567" });
  await systemReads(() => {
    throw Object.assign(new Error(`${code}: read`), { code });
  });
  await expect(source.read("file", ANY)).rejects.toMatchObject({ name: "SourceError", retryable });
});

test("directories and pipes are refused, and nothing hangs on them", async () => {
  const { source, root } = newSource({ "directory/file": "x" });
  execFileSync("mkfifo", [join(root, "pipe")]);
  for (const path of ["directory", "pipe"]) {
    await expect(source.read(path, { maxBytes: 9 })).rejects.toThrow(/not a regular file/);
  }
});

test("a link in a circle is a failure of the source, and no reason to try again", async () => {
  const { source, root } = newSource();
  fs.symlinkSync("loop", join(root, "loop"));
  await expect(source.read("loop", ANY)).rejects.toMatchObject({ name: "SourceError", retryable: false });
});

test("an aborted read does not begin", async () => {
  const { source, root } = newSource({ file: "x" });
  fs.symlinkSync("loop", join(root, "loop"));
  const signal = AbortSignal.abort(new Error("enough"));
  for (const path of ["file", "loop"]) {
    await expect(source.read(path, { maxBytes: 9, signal })).rejects.toThrow("enough");
  }
});

test("a log in a directory is copied as one over HTTP is, and is left as it was", async () => {
  const log = testLog({ size: 600, entrySize: 30 });
  const root = logDirectory(log);
  const before = directoryContents(root);
  for (const url of [root, `file://${root}`]) {
    const target = memoryDirectory();
    await migrateLog(log, { url }, target);
    expect(differences(target, log)).toEqual([]);
  }
  expect(directoryContents(root)).toEqual(before);
});

const PLAIN = Buffer.from("entries of a log, more or less. ".repeat(100));

function newGzipSource(files: Record<string, Buffer> = {}): { source: GzipSource; directory: string } {
  const directory = memoryDirectory();
  writeFiles(directory, Object.entries(files));
  return { source: new GzipSource(directory), directory };
}

describe("a directory of Sunlight", () => {
  test.each([
    "tile/data/000",
    "tile/data/x001/x234/067",
    "tile/data/001.p/44",
    "tile/entries/000",
    "tile/entries/001.p/44",
    "tile/names/000",
  ])("%s is stored compressed", async (path) => {
    const { source } = newGzipSource({ [path]: gzipSync(PLAIN) });
    expect(PLAIN.equals((await source.read(path, { maxBytes: PLAIN.length })) ?? Buffer.of())).toBe(true);
  });

  const PATHS = ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/3/000.p/1", "issuer/aa", "log.v3.json"];
  test.each(PATHS)("%s is stored as it is, even if it looks like gzip", async (path) => {
    const { source } = newGzipSource({ [path]: gzipSync(PLAIN) });
    expect(await source.read(path, ANY)).toEqual(gzipSync(PLAIN));
  });

  test("an object is a file below the directory", () => {
    const source = new GzipSource("/log");
    expect(source.location).toBe("gzip+file:///log");
    expect(source.locate("tile/data/000")).toBe("/log/tile/data/000");
  });

  test.each<[string, Buffer]>([
    ["a plain data tile", PLAIN],
    ["an empty one", Buffer.of()],
  ])("%s is refused, with what to do if all of them are plain", async (_what, bytes) => {
    const { source, directory } = newGzipSource({ "tile/data/000": bytes });
    const words = `where they are plain, name the log as file://${directory}`;
    await expect(source.read("tile/data/000", ANY)).rejects.toThrow(
      new FormatError(`is not gzip, as data tiles below gzip+file:// are; ${words}`),
    );
  });

  test("a bomb is refused before it is unfolded", async () => {
    const { source } = newGzipSource({ "tile/data/000": gzipSync(Buffer.alloc(1 << 28)) });
    const peakKibibytes = process.resourceUsage().maxRSS;
    await expect(source.read("tile/data/000", { maxBytes: 1 << 20 })).rejects.toThrow(FormatError);
    expect(process.resourceUsage().maxRSS - peakKibibytes).toBeLessThan(1 << 16);
  });

  test("a file that cannot be the gzip of so few bytes is refused before it is held", async () => {
    const { source } = newGzipSource({ "tile/data/000": Buffer.alloc(1 << 18, gzipSync(PLAIN)) });
    const reservation = { atLeast: () => Promise.reject(new Error("asked for room")) };
    await expect(source.read("tile/data/000", { maxBytes: 6, reservation })).rejects.toThrow(FormatError);
  });

  test("bytes that gzip makes longer are not refused for it", async () => {
    const noise = randomBytes(1000);
    const { source } = newGzipSource({ "tile/data/000": gzipSync(noise) });
    expect(noise.equals((await source.read("tile/data/000", { maxBytes: 1000 })) ?? Buffer.of())).toBe(true);
  });

  test("room is asked for both forms of the object, and both lie in it", async () => {
    const plain = randomBytes(300_000);
    const gzipped = gzipSync(plain);
    const { source } = newGzipSource({ "tile/data/000": gzipped });
    const reservation = new Lender();
    const found = await source.read("tile/data/000", { ...ANY, reservation });
    const { lent, amounts } = reservation;
    expect(amounts).toEqual([gzipped.length, gzipped.length + plain.length]);
    expect(lent.map(({ length }) => length)).toEqual([gzipped.length, plain.length]);
    expect(found).toBe(lent[1]);
    expect(found && plain.equals(found)).toBe(true);
  });

  test("objects that are larger than all the room are read one after the other", async () => {
    const { source } = newGzipSource({ "tile/data/000": gzipSync(PLAIN), "tile/data/001": gzipSync(PLAIN) });
    const budget = new ByteBudget(10);
    const reads = ["tile/data/000", "tile/data/001"].map(async (path) => {
      const reservation = budget.reserve();
      const bytes = await source.read(path, { ...ANY, reservation });
      const isRight = bytes !== undefined && PLAIN.equals(bytes);
      reservation.release();
      return isRight;
    });
    expect(await Promise.all(reads)).toEqual([true, true]);
    expect(budget.taken).toBe(0);
  });

  test("a link leads to a file", async () => {
    const { source, directory } = newGzipSource({ "tile/data/000": gzipSync(PLAIN) });
    fs.symlinkSync("000", join(directory, "tile/data/001"));
    expect((await source.read("tile/data/001", ANY))?.length).toBe(PLAIN.length);
  });
});
