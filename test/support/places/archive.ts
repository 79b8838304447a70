/** Logs in the other homes that are read: an archive of zips, and a directory of Sunlight's. */

import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { FULL_WIDTH, parseResourcePath } from "../../../lib/tlog/layout.ts";
import type { TestLog } from "../logs/generated-log.ts";
import { writeFiles } from "./directory.ts";
import { writeZip, type ZipEnd, type ZipMemberSpec } from "./zip.ts";

type Objects = TestLog["objects"];

/**
 * Writes the objects of a log into the zips of an archive, as photocamera-archiver does: hash tiles are stored as
 * they are, bundles and issuers deflated.
 * @param span entries below one zip.
 */
export function writeArchive(directory: string, { objects, size }: TestLog, span: number): void {
  const zips = Math.ceil(size / span);
  for (let zip = 0; zip < zips; zip++) {
    const members = [...objects]
      .filter(([path]) => [zip, undefined].includes(zipOf(path, span)))
      .map(([name, bytes]) => ({ name, bytes, deflated: /^(tile\/(data|entries)|issuer)\//.test(name) }));
    writeMembers(directory, zip, members, { comment: `an archive (${zip + 1} of ${zips})` });
  }
}

/** Writes one zip of an archive. */
export function writeMembers(
  directory: string,
  zip: number,
  members: Iterable<ZipMemberSpec>,
  end?: ZipEnd,
): void {
  writeZip(join(directory, `${String(zip).padStart(3, "0")}.zip`), members, end);
}

/** The zip that alone holds an object, by the first entry below it. */
function zipOf(path: string, span: number): number | undefined {
  const resource = parseResourcePath(path);
  if (resource?.kind === "bundle") return Math.floor((resource.bundle.index * FULL_WIDTH) / span);
  if (resource === undefined || resource.tile.width < FULL_WIDTH) return undefined;
  const entries = FULL_WIDTH ** (resource.tile.level + 1);
  return entries > span ? undefined : Math.floor((resource.tile.index * entries) / span);
}

/** Writes the objects of a log as Sunlight keeps them in a directory. */
export function writeSunlightDirectory(directory: string, objects: Objects): void {
  const isCompressed = (path: string): boolean => path.startsWith("tile/data/");
  writeFiles(
    directory,
    [...objects].map(([path, bytes]) => [path, isCompressed(path) ? gzipSync(bytes) : bytes]),
  );
}
