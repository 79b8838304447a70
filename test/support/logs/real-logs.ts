/** Logs as their operators have published them. They lie next to the project, where its CI has them too. */

import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { memoryDirectory } from "../places/directory.ts";

const REAL_LOGS = join(import.meta.dirname, "../../../../shared/real-logs");

/** The path of a file or directory of the collection, which is only read. */
export function realLogPath(path: string): string {
  const found = join(REAL_LOGS, path);
  if (!existsSync(found)) throw new Error(`${found} does not exist: the real logs lie next to the project`);
  return found;
}

/** A file of the collection that has one line, such as a key. */
export function realLogLine(path: string): string {
  return readFileSync(realLogPath(path), "utf8").trim();
}

/** A copy of a log of the collection, which a test may change. Removed when the test ends. */
export function realLogCopy(path: string): string {
  const directory = join(memoryDirectory(), "log");
  cpSync(realLogPath(path), directory, { recursive: true, verbatimSymlinks: true });
  return directory;
}
