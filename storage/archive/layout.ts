/**
 * The layout of a log in an archive: a directory of zips, `000.zip`, `001.zip` and so on, each with one level-2 tile
 * and everything below it, so with 16,777,216 entries. Higher tiles, the partial hash tiles of the right edge, the
 * checkpoint and the issuers are in every zip
 * (https://github.com/geomys/ct-archive/blob/main/README.md#archival-format).
 */

import { bundleDirectory, FULL_WIDTH, parseResourcePath } from "../../lib/tlog/layout.ts";

/** Entries below one zip: those below a level-2 tile. */
export const ZIP_SPAN = FULL_WIDTH ** 3;

/** Where an object of one zip belongs: it is the `slot`-th of at most `slots` below `directory`. */
export interface ArchivePlace {
  /** The zip's number. */
  readonly zip: number;
  readonly directory: string;
  /** Undefined for the partial bundle of the right edge. */
  readonly slot: number | undefined;
  readonly slots: number;
}

/**
 * Undefined for what every zip may contain.
 * @param span entries below one zip: a power of 256, at least 256.
 */
export function archivePlace(path: string, span: number): ArchivePlace | undefined {
  const resource = parseResourcePath(path);
  if (resource === undefined) return undefined;
  if (resource.kind === "bundle") {
    const { index, width } = resource.bundle;
    const place = placeAmong(span / FULL_WIDTH, index, bundleDirectory(resource.format));
    return width === FULL_WIDTH ? place : { ...place, slot: undefined };
  }
  const { level, index, width } = resource.tile;
  const slots = span / FULL_WIDTH ** (level + 1);
  return slots < 1 || width < FULL_WIDTH ? undefined : placeAmong(slots, index, `tile/${level}`);
}

function placeAmong(slots: number, index: number, directory: string): ArchivePlace {
  return { zip: Math.floor(index / slots), directory, slot: index % slots, slots };
}

/** The file name of a zip. */
export function zipName(number: number): string {
  return `${String(number).padStart(3, "0")}.zip`;
}

/** The number of a zip, undefined for a file that is not part of an archive. */
export function zipNumber(fileName: string): number | undefined {
  const match = /^(\d{3,6})\.zip$/.exec(fileName);
  const number = Number(match?.[1]);
  return match !== null && zipName(number) === fileName ? number : undefined;
}
