/** A directory as a target. */

import fs from "node:fs";
import { dirname, join } from "node:path";
import { describe } from "vitest";
import { diskDirectory, memoryDirectory } from "../../support/places/directory.ts";
import { openTarget } from "../../support/places/open.ts";
import { testTarget } from "../../support/places/target-conformance.ts";

describe.each([
  ["memory", memoryDirectory],
  ["a disk", () => diskDirectory() ?? memoryDirectory()],
])("a directory in %s", (_, newDirectory) => {
  testTarget(async () => {
    const directory = join(newDirectory(), "log");
    return {
      open: () => openTarget(directory),
      hasTreeState: true,
      async putByOthers(path, bytes) {
        fs.mkdirSync(dirname(join(directory, path)), { recursive: true });
        fs.writeFileSync(join(directory, path), bytes);
      },
    };
  });
});
