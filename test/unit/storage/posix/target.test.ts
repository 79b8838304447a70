import { describe, expect, test } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { PosixTarget } from "../../../../storage/posix/target.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";

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
