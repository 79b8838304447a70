import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { PosixTarget } from "../../../../storage/posix/target.ts";
import { memoryDirectory, writeFiles } from "../../../support/places/directory.ts";

describe("a directory is held against the room that a copy needs", () => {
  test.each([
    [
      "space",
      { bytes: 2 ** 52, objects: 1 },
      /too little free space \(expected .* GB, found .* GB\)\. Free some space/,
    ],
    ["inodes", { bytes: 1, objects: 2 ** 52 }, /too few inodes \(expected 4503599627370496, found \d+\)/],
  ])("it has too little: %s", async (_name, needed, message) => {
    const refused = new PosixTarget(memoryDirectory()).requireFreeSpace(needed);
    await expect(refused).rejects.toThrow(OperationError);
    await expect(refused).rejects.toThrow(message);
  });

  test("it has enough", async () => {
    await new PosixTarget(memoryDirectory()).requireFreeSpace({ bytes: 1, objects: 1 });
  });
});

test("a file that is removed while its directory is listed is not there", async () => {
  const root = memoryDirectory();
  const paths = ["tile/0/000", "tile/0/001", "tile/0/002"];
  for (const path of paths) writeFiles(root, [[path, "bytes"]]);
  const listed: string[] = [];
  for await (const { path, bytes } of new PosixTarget(root).list("tile")) {
    expect(bytes).toBe(5);
    listed.push(path);
    for (const other of paths) if (!listed.includes(other)) rmSync(join(root, other), { force: true });
  }
  expect(listed).toHaveLength(1);
});
