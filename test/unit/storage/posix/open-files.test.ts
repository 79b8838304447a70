/** The ways to name a log in files: which of them are sources, and what is said where one is not what it should be. */

import { expect, test } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import { ArchiveSource } from "../../../../storage/archive/source.ts";
import {
  directoryOf,
  isListable,
  isLocal,
  openSource,
  openTarget,
  registerTarget,
} from "../../../../storage/backends.ts";
import { PosixSource } from "../../../../storage/posix/source.ts";
import { GzipSource } from "../../../../storage/posix/sunlight-source.ts";
import { FAST_RETRY } from "../../../support/migration.ts";

const OPTIONS = { userAgentVersion: "test", connections: 1 };

test.each([
  ["/a dir/log", PosixSource, "/a dir/log"],
  ["file:///a%20dir/log/", PosixSource, "/a dir/log"],
  ["gzip+file:///a%20dir/log/", GzipSource, "gzip+file:///a%20dir/log"],
  ["archive+file:///a dir/log", ArchiveSource, "archive+file:///a%20dir/log"],
  ["gzip+file:///50%25%20of/log", GzipSource, "gzip+file:///50%25%20of/log"],
  ["archive+file:///50%25%20of/log", ArchiveSource, "archive+file:///50%25%20of/log"],
  ["ARCHIVE+FILE:///log", ArchiveSource, "archive+file:///log"],
] as const)("%s is a source", (location, kind, shown) => {
  const source = openSource(location, OPTIONS);
  expect(source).toBeInstanceOf(kind);
  expect(source.location).toBe(shown);
  expect(isLocal(location)).toBe(true);
});

test.each(["gzip+file", "archive+file"])(
  "%s is no target, and no place whose objects are listed",
  (scheme) => {
    expect(() => openTarget(`${scheme}:///log`, { ...OPTIONS, patience: FAST_RETRY })).toThrow(
      `${scheme}:///log: a target cannot be of the kind ${scheme} (expected gs://…, file:///… or a path)`,
    );
    expect(isListable(`${scheme}:///log`)).toBe(false);
    expect(directoryOf(`${scheme}:///log`)).toBeUndefined();
    const open = (): never => {
      throw new Error("was asked for a target");
    };
    expect(() => registerTarget(scheme, open)).toThrow(`there is a backend for ${scheme}:// already`);
  },
);

test.each(["file", "gzip+file", "archive+file"])("%s on another machine is refused", (scheme) => {
  expect(() => openSource(`${scheme}://host/log`, OPTIONS)).toThrow(UsageError);
  expect(() => openSource(`${scheme}://host/log`, OPTIONS)).toThrow(`Write it as ${scheme}:///path`);
});

test("what is no source is told what would be", () => {
  expect(() => openSource("ftp://host/log", OPTIONS)).toThrow(
    "ftp://host/log: a source cannot be of the kind ftp (expected https://…, http://…, gs://…, file:///…, " +
      "gzip+file:///…, archive+file:///… or a path)",
  );
  expect(isLocal("https://host/log")).toBe(false);
  expect(isLocal("gs://bucket/log")).toBe(false);
});
