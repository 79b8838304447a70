/** A directory as a source: it is only read, and only regular files of a bearable size. */

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { PosixSource } from "../../../../storage/posix/source.ts";
import { Lender } from "../../../support/http/lender.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { migrateLog } from "../../../support/migration.ts";
import {
  differences,
  directoryContents,
  memoryDirectory,
  writeFiles,
} from "../../../support/places/directory.ts";

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

test("what is not there is undefined, also below a file", async () => {
  const { source } = newSource({ file: "x" });
  expect(await source.read("nothing", { maxBytes: 9 })).toBeUndefined();
  expect(await source.read("file/below", { maxBytes: 9 })).toBeUndefined();
});

test("a file that is too large is refused before it is held", async () => {
  const { source } = newSource({ file: "1234567" });
  const reservation = { atLeast: () => Promise.reject(new Error("asked for room")) };
  await expect(source.read("file", { maxBytes: 6, reservation })).rejects.toThrow(FormatError);
});

test("room is asked for before the bytes are read", async () => {
  const { source } = newSource({ file: "1234567" });
  const asked: number[] = [];
  const reservation = { atLeast: async (bytes: number) => void asked.push(bytes) };
  await source.read("file", { maxBytes: 9, reservation });
  expect(asked).toEqual([7]);
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
  const failure = await source.read("loop", { maxBytes: 9 }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SourceError);
  expect((failure as SourceError).retryable).toBe(false);
});

test("an aborted read does not begin", async () => {
  const { source, root } = newSource({ file: "x" });
  fs.symlinkSync("loop", join(root, "loop"));
  const signal = AbortSignal.abort(new Error("enough"));
  for (const path of ["file", "loop"]) {
    await expect(source.read(path, { maxBytes: 9, signal })).rejects.toThrow("enough");
  }
});

test("a read under way ends when its signal fires, wherever it is", async () => {
  const { source } = newSource({ file: "x" });
  for (const path of ["file", "nothing"]) {
    const controller = new AbortController();
    const read = source.read(path, { maxBytes: 9, signal: controller.signal });
    controller.abort("enough");
    await expect(read).rejects.toBe("enough");
  }
  const during = new AbortController();
  const reservation = {
    atLeast() {
      during.abort("enough");
      return undefined;
    },
  };
  const reading = source.read("file", { maxBytes: 9, reservation, signal: during.signal });
  await expect(reading).rejects.toBe("enough");
  const controller = new AbortController();
  const lender = new Lender({ held: true });
  const waiting = source.read("file", { maxBytes: 9, reservation: lender, signal: controller.signal });
  await lender.asked;
  controller.abort("enough");
  await expect(waiting).rejects.toBe("enough");
});

test("a log in a directory is copied as one over HTTP is, and is left as it was", async () => {
  const log = testLog({ size: 600, entrySize: 30 });
  const { root } = newSource();
  writeFiles(root, log.objects);
  const before = directoryContents(root);
  for (const url of [root, `file://${root}`]) {
    const target = memoryDirectory();
    await migrateLog(log, { url }, target);
    expect(differences(target, log)).toEqual([]);
  }
  expect(directoryContents(root)).toEqual(before);
});
