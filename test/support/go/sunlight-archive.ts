/** Archives of logs that Sunlight made. */

import { gunzipSync } from "node:zlib";
import { writeMembers } from "../places/archive.ts";
import { memoryDirectory } from "../places/directory.ts";
import { filesOfSize, readLog } from "./log-files.ts";

/**
 * Archives a log of at most 16,777,216 entries, as Sunlight stores it, in the form that photocamera-archiver gives it
 * and Sunlight's client reads: one zip, in which data tiles are members without gzip. That program is not released
 * as a Go module. Returns the directory of the zip, which is removed when the test ends.
 */
export function archiveSunlightLog(logDirectory: string, size: number): string {
  const files = readLog(logDirectory);
  const names = [...files.keys()].filter((path) => /^(checkpoint|log\.v3\.json|issuer\/.*)$/.test(path));
  const tiles = filesOfSize(files, "static-ct", size);
  const members = [...names.map((path) => [path, files.get(path) as Buffer] as const), ...tiles].map(
    ([name, bytes]) => {
      const isData = name.startsWith("tile/data/");
      const deflated = isData || name.startsWith("issuer/");
      return { name, bytes: isData ? gunzipSync(bytes) : bytes, deflated };
    },
  );
  const directory = memoryDirectory();
  writeMembers(directory, 0, members);
  return directory;
}
