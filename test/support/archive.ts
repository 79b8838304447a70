/** Logs in the other homes that are read: a directory of Sunlight's. */

import { gzipSync } from "node:zlib";
import { writeFiles } from "./directory.ts";
import type { TestLog } from "./log.ts";

type Objects = TestLog["objects"];

/** Writes the objects of a log as Sunlight keeps them in a directory. */
export function writeSunlightDirectory(directory: string, objects: Objects): void {
  const isCompressed = (path: string): boolean => path.startsWith("tile/data/");
  writeFiles(
    directory,
    [...objects].map(([path, bytes]) => [path, isCompressed(path) ? gzipSync(bytes) : bytes]),
  );
}
