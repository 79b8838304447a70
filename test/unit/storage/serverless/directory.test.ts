/** Symbolic links in the directory of a log of the old layout: followed within it, and nowhere else. */

import fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { LogDirectory } from "../../../../storage/serverless/directory.ts";
import { ServerlessSource } from "../../../../storage/serverless/source.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { inOldLayout } from "../../../support/logs/serverless-log.ts";
import { logDirectory, memoryDirectory, writeFiles } from "../../../support/places/directory.ts";

const ANY = { maxBytes: 1 << 20 };
const log = testLog({ size: 512, entrySize: 30 });
const PARTIAL = "tile/00/0000/00/00/00.2c";
const FULL = "tile/00/0000/00/00/00";
const EDGE = { level: 0, index: 0, width: 44 };
const ENTRY = "seq/00/00/00/00/05";

function link(root: string, path: string, target: string): void {
  fs.rmSync(join(root, path), { force: true });
  fs.symlinkSync(target, join(root, path));
}

test.each<[what: string, target: (root: string) => string]>([
  ["the log's own software made, by the path that the log has", (root) => join(root, FULL)],
  ["the log's own software made, by the path that the log had before", () => `/github/workspace/log/${FULL}`],
  ["the log's own software made of a path that is not absolute", () => `log/${FULL}`],
  ["is beside its target", () => "00"],
  ["leads to itself", () => "00.2c"],
])("a partial tile that is a link which %s is cut from the full one", async (_, target) => {
  const root = logDirectory({ objects: inOldLayout(log) });
  link(root, PARTIAL, target(root));
  const source = new ServerlessSource(new LogDirectory(root), "", 4);
  expect(await source.tile(EDGE)).toEqual(log.object("tile/0/000").subarray(0, 44 * 32));
});

test("a partial tile that is a link out of the log is not read, and cut from the full one", async () => {
  const [root, elsewhere] = [logDirectory({ objects: inOldLayout(log) }), memoryDirectory()];
  // Of another log, as where a link leads to the place that this one was copied from.
  writeFiles(elsewhere, [[FULL, inOldLayout(testLog({ size: 512, seed: "other" })).get(FULL) as Buffer]]);
  link(root, PARTIAL, join(elsewhere, FULL));
  const source = new ServerlessSource(new LogDirectory(root), "", 4);
  expect(await source.tile(EDGE)).toEqual(log.object("tile/0/000").subarray(0, 44 * 32));
});

test.each<[what: string, path: string, at: string]>([
  ["a file", ENTRY, ENTRY],
  ["a directory", ENTRY, "seq/00"],
  ["a directory of the root", FULL, "tile"],
  ["the checkpoint", "checkpoint", "checkpoint"],
])("%s that is a link out of the log is refused, whatever it leads to", async (_, path, at) => {
  const [root, elsewhere] = [logDirectory({ objects: inOldLayout(log) }), memoryDirectory()];
  fs.renameSync(join(root, at), join(elsewhere, "moved"));
  link(root, at, join(elsewhere, "moved"));
  const failure = await new LogDirectory(root).read(path, ANY).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(FormatError);
  expect(failure).toMatchObject({ message: "is a symbolic link that points out of the log" });
});

test("a directory whose name begins with the root's is not in it", async () => {
  const place = memoryDirectory();
  writeFiles(place, [
    ["log/seq/x", "in"],
    ["log-of-others/secret", "out"],
  ]);
  link(join(place, "log"), "seq/y", "../../log-of-others/secret");
  await expect(new LogDirectory(join(place, "log")).read("seq/y", ANY)).rejects.toThrow(FormatError);
});

test("a log is read through a link to its root, and through links within it", async () => {
  const root = logDirectory({ objects: inOldLayout(log) });
  const named = join(memoryDirectory(), "name");
  fs.symlinkSync(root, named);
  link(root, "seq/00/00/00/00/06", "05");
  const directory = new LogDirectory(named);
  expect(await directory.read("seq/00/00/00/00/06", ANY)).toEqual(log.leaf(5));
  expect(directory.address).toBe(`file://${named}`);
});

test("what is not there, or behind a file, is missing", async () => {
  const directory = new LogDirectory(logDirectory({ objects: inOldLayout(log) }));
  for (const path of ["seq/00/00/00/ff/ff", "seq/01/00/00/00/00", `${ENTRY}/00`]) {
    expect(await directory.read(path, ANY)).toBeUndefined();
  }
  expect(await new LogDirectory("/nowhere/at/all").read(ENTRY, ANY)).toBeUndefined();
});
