import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { listObjects } from "../../../../storage/posix/listing.ts";
import { memoryDirectory, writeFiles } from "../../../support/places/directory.ts";

test("a file that is removed while its directory is listed is not there", async () => {
  const root = memoryDirectory();
  const paths = ["tile/0/000", "tile/0/001", "tile/0/002"];
  writeFiles(
    root,
    paths.map((path) => [path, "bytes"]),
  );
  const listed: string[] = [];
  for await (const { path, bytes } of listObjects(root, "tile")) {
    expect(bytes).toBe(5);
    listed.push(path);
    for (const other of paths) if (!listed.includes(other)) rmSync(join(root, other), { force: true });
  }
  expect(listed).toHaveLength(1);
});
