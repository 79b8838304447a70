/** A directory of Sunlight's as a source: what is compressed there is undone within bounds, the rest read as it is. */

import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { ByteBudget } from "../../../../lib/migrate/read/byte-budget.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { GzipSource } from "../../../../storage/posix/source.ts";
import { Lender } from "../../../support/http/lender.ts";
import { memoryDirectory, writeFiles } from "../../../support/places/directory.ts";

const PLAIN = Buffer.from("entries of a log, more or less. ".repeat(100));
const ALL = { maxBytes: 1 << 20 };

function newSource(files: Record<string, Buffer> = {}): { source: GzipSource; directory: string } {
  const directory = memoryDirectory();
  writeFiles(directory, Object.entries(files));
  return { source: new GzipSource(directory), directory };
}

test.each([
  "tile/data/000",
  "tile/data/x001/x234/067",
  "tile/data/001.p/44",
  "tile/entries/000",
  "tile/entries/001.p/44",
  "tile/names/000",
])("%s is stored compressed", async (path) => {
  const { source } = newSource({ [path]: gzipSync(PLAIN) });
  expect(PLAIN.equals((await source.read(path, { maxBytes: PLAIN.length })) ?? Buffer.of())).toBe(true);
});

test.each(["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/3/000.p/1", "issuer/aa", "log.v3.json"])(
  "%s is stored as it is, even if it looks like gzip",
  async (path) => {
    const { source } = newSource({ [path]: gzipSync(PLAIN) });
    expect(await source.read(path, ALL)).toEqual(gzipSync(PLAIN));
  },
);

test("an object is a file below the directory", () => {
  const source = new GzipSource("/log");
  expect(source.location).toBe("gzip+file:///log");
  expect(source.locate("tile/data/000")).toBe("/log/tile/data/000");
});

test("what is not there is undefined", async () => {
  const { source } = newSource({ file: PLAIN });
  expect(await source.read("tile/data/000", ALL)).toBeUndefined();
  expect(await source.read("file/below", ALL)).toBeUndefined();
});

test.each([["a plain data tile", PLAIN] as const, ["an empty one", Buffer.of()] as const])(
  "%s is refused, with what to do if all of them are plain",
  async (_what, bytes) => {
    const { source, directory } = newSource({ "tile/data/000": bytes });
    await expect(source.read("tile/data/000", ALL)).rejects.toThrow(
      new FormatError(
        `is not gzip, as data tiles below gzip+file:// are; where they are plain, name the log as file://${directory}`,
      ),
    );
  },
);

test("a bomb is refused before it is unfolded", async () => {
  const { source } = newSource({ "tile/data/000": gzipSync(Buffer.alloc(1 << 28)) });
  const peakKibibytes = process.resourceUsage().maxRSS;
  await expect(source.read("tile/data/000", { maxBytes: 1 << 20 })).rejects.toThrow(FormatError);
  expect(process.resourceUsage().maxRSS - peakKibibytes).toBeLessThan(1 << 16);
});

test("a file that cannot be the gzip of so few bytes is refused before it is held", async () => {
  const { source } = newSource({ "tile/data/000": Buffer.alloc(1 << 18, gzipSync(PLAIN)) });
  const reservation = { atLeast: () => Promise.reject(new Error("asked for room")) };
  await expect(source.read("tile/data/000", { maxBytes: 6, reservation })).rejects.toThrow(FormatError);
});

test("bytes that gzip makes longer are not refused for it", async () => {
  const noise = randomBytes(1000);
  const { source } = newSource({ "tile/data/000": gzipSync(noise) });
  expect(noise.equals((await source.read("tile/data/000", { maxBytes: 1000 })) ?? Buffer.of())).toBe(true);
});

test("room is asked for both forms of the object, and both lie in it", async () => {
  const plain = randomBytes(300_000);
  const gzipped = gzipSync(plain);
  const { source } = newSource({ "tile/data/000": gzipped });
  const reservation = new Lender();
  const found = await source.read("tile/data/000", { ...ALL, reservation });
  const { lent, amounts } = reservation;
  expect(amounts).toEqual([gzipped.length, gzipped.length + plain.length]);
  expect(lent.map(({ length }) => length)).toEqual([gzipped.length, plain.length]);
  expect(found).toBe(lent[1]);
  expect(found && plain.equals(found)).toBe(true);
});

test("objects that are larger than all the room are read one after the other", async () => {
  const { source } = newSource({ "tile/data/000": gzipSync(PLAIN), "tile/data/001": gzipSync(PLAIN) });
  const budget = new ByteBudget(10);
  const reads = ["tile/data/000", "tile/data/001"].map(async (path) => {
    const reservation = budget.reserve();
    const bytes = await source.read(path, { ...ALL, reservation });
    const isRight = bytes !== undefined && PLAIN.equals(bytes);
    reservation.release();
    return isRight;
  });
  expect(await Promise.all(reads)).toEqual([true, true]);
  expect(budget.taken).toBe(0);
});

test("a link leads to a file", async () => {
  const { source, directory } = newSource({ "tile/data/000": gzipSync(PLAIN) });
  fs.symlinkSync("000", join(directory, "tile/data/001"));
  expect((await source.read("tile/data/001", ALL))?.length).toBe(PLAIN.length);
});
