/** Two directories share files, or do not, whatever leads to them. */

import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { extentsOf, mountsOf, overlapOf } from "../../../../storage/posix/overlap.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";

const OWN = "is the source's own directory";
const INSIDE = "is inside the source's directory";
const CONTAINS = "contains the source's directory";

test.each([
  ["log", OWN],
  ["log/", OWN],
  ["log/../log", OWN],
  ["log/tile", INSIDE],
  ["log/new", INSIDE],
  ["log/new/deeper", INSIDE],
  [".", CONTAINS],
  ["to-log", OWN],
  ["to-log/tile", INSIDE],
  ["to-log/new", INSIDE],
  ["to-base", CONTAINS],
  ["to-base/log", OWN],
  ["logs", undefined],
  ["lo", undefined],
  ["new", undefined],
  ["to-other/new", undefined],
  ["to-nowhere/new", undefined],
])("%s: %s", (target, expected) => {
  const base = memoryDirectory();
  for (const directory of ["log/tile", "other"]) mkdirSync(join(base, directory), { recursive: true });
  for (const [link, to] of [
    ["to-log", "log"],
    ["to-base", "."],
    ["to-other", "other"],
    ["to-nowhere", "nowhere"],
  ] as const) {
    symlinkSync(join(base, to), join(base, link));
  }
  expect(overlapOf(`${base}/${target}`, join(base, "log"))).toBe(expected);
  expect(overlapOf(`${base}/${target}`, join(base, "to-log"))).toBe(expected);
  expect(overlapOf(`${base}/${target}`, join(base, "missing"))).toBeUndefined();
});

describe("a directory as part of its file system", () => {
  const mounts = mountsOf(
    [
      "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
      "30 22 8:2 / /data rw - ext4 /dev/sdb1 rw",
      "31 22 8:2 /logs/a /srv/log rw - ext4 /dev/sdb1 rw",
      "32 31 8:1 /other /srv/log/tile rw - ext4 /dev/sda1 rw",
      "33 22 8:2 /with\\040space /srv/a\\040b rw - ext4 /dev/sdb1 rw",
      "34 22 0:50 / /mnt rw - tmpfs tmpfs rw",
      "35 22 8:2 /over /mnt rw - ext4 /dev/sdb1 rw",
      "",
    ].join("\n"),
  );

  test.each<[string, [device: string, path: string][]]>([
    ["/home/log", [["8:1", "/home/log"]]],
    ["/data", [["8:2", "/"]]],
    ["/data/logs/a", [["8:2", "/logs/a"]]],
    [
      "/srv/log",
      [
        ["8:2", "/logs/a"],
        ["8:1", "/other"],
      ],
    ],
    ["/srv/log/new", [["8:2", "/logs/a/new"]]],
    ["/srv/log/tile/0", [["8:1", "/other/0"]]],
    ["/srv/logs", [["8:1", "/srv/logs"]]],
    ["/srv/a b/log", [["8:2", "/with space/log"]]],
    ["/mnt/log", [["8:2", "/over/log"]]],
  ])("%s", (directory, expected) => {
    const extents = extentsOf(directory, mounts).map(({ device, path }) => [device, path]);
    expect(extents).toEqual(expected);
  });

  test("is unknown where no mounts are", () => {
    expect(extentsOf("/srv/log", [])).toEqual([]);
  });
});
