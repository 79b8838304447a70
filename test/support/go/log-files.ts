/** The files of a log that Tessera made, and how a copy is held against them. */

import fs from "node:fs";
import { join } from "node:path";
import {
  bundlePath,
  FULL_WIDTH,
  type LogFormat,
  levelCount,
  tilePath,
  tileWidth,
} from "../../../lib/tlog/layout.ts";
import { tilesOf } from "../../logs/tiles.ts";
import { filesBelow } from "../places/directory.ts";

export type LogFiles = Map<string, Buffer>;

export function readLog(directory: string): LogFiles {
  const paths = filesBelow(directory).filter((path) => !path.startsWith(".state/"));
  return new Map(paths.map((path) => [path, fs.readFileSync(join(directory, path))]));
}

/** The tiles and bundles that a log of this size must have, right edge included, and no obsolete partials. */
export function filesOfSize(files: LogFiles, format: LogFormat, size: number): LogFiles {
  const required: LogFiles = new Map();
  for (const path of requiredPaths(format, size)) {
    const bytes = files.get(path);
    if (bytes === undefined) throw new Error(`the log has no ${path}, which its size ${size} asks for`);
    required.set(path, bytes);
  }
  return required;
}

/** The paths of the tiles and bundles that a log of this size must have. */
export function* requiredPaths(format: LogFormat, size: number): Generator<string> {
  for (let level = 0; level < levelCount(size); level++) {
    for (const { index, width } of tilesOf(size, level)) {
      yield tilePath({ level, index, width });
      if (level === 0) yield bundlePath(format, { index, width });
    }
  }
}

export function obsoletePartials(paths: Iterable<string>): string[] {
  const present = new Set(paths);
  return [...present].filter((path) => {
    const [full = ""] = path.split(".p/");
    return full !== path && present.has(full);
  });
}

/** Which of these files a directory does not have any more, or with other bytes. */
export function filesLost(directory: string, files: LogFiles): string[] {
  const lost = ([path, bytes]: [string, Buffer]) => {
    const file = join(directory, path);
    return !fs.existsSync(file) || !fs.readFileSync(file).equals(bytes);
  };
  return [...files].filter(lost).map(([path]) => path);
}

/** The bytes of the bundle that stood at the right edge at `size`, as it stands in a log that has grown since. */
export function grownEdgeBundle(directory: string, format: LogFormat, size: number, sizeNow: number): Buffer {
  const index = Math.floor(size / FULL_WIDTH);
  return fs.readFileSync(join(directory, bundlePath(format, { index, width: tileWidth(sizeNow, 0, index) })));
}
