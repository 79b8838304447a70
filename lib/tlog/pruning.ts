/**
 * Pruned logs (https://c2sp.org/tlog-tiles#pruning): a log with a minimum index may lack the full tiles and entry
 * bundles all of whose entries are below it. The tree above them, and its right edge, remain.
 */

import { FormatError } from "./errors.ts";
import {
  ENTRIES_PER_SEAL,
  type EntryBundleCoordinate,
  FULL_WIDTH,
  type LogResource,
  parseResourcePath,
  tileCount,
  tileWidth,
} from "./layout.ts";
import { excerpt } from "./note.ts";

/** The file in which a log may state its minimum index. No specification defines it; tlog-tiles leaves it open. */
export const MIN_INDEX_PATH = "min_index";

/** The digits of 2^53−1, a newline, and a few more bytes by which a larger file is known. */
export const MAX_MIN_INDEX_BYTES = 32;

/** The index after the last entry below a full tile or a full bundle: its end index. */
export function endIndex(resource: LogResource): number {
  if (resource.kind === "bundle") return (resource.bundle.index + 1) * FULL_WIDTH;
  return (resource.tile.index + 1) * FULL_WIDTH ** (resource.tile.level + 1);
}

/** Whether a resource may be missing in a log with this minimum index. Partial ones must exist. */
export function mayBePruned(resource: LogResource, minIndex: number): boolean {
  const { width } = resource.kind === "tile" ? resource.tile : resource.bundle;
  return width === FULL_WIDTH && endIndex(resource) <= minIndex;
}

/** The same of a path; false for one of another kind. */
export function mayBePrunedAt(path: string, minIndex: number): boolean {
  const resource = parseResourcePath(path);
  return resource !== undefined && mayBePruned(resource, minIndex);
}

/** The first bundle of a log that must exist, or its last one if none must. Undefined for the empty log. */
export function firstKeptBundle(size: number, minIndex: number): EntryBundleCoordinate | undefined {
  if (size === 0) return undefined;
  const index = Math.min(Math.floor(minIndex / FULL_WIDTH), tileCount(size, 0) - 1);
  return { index, width: tileWidth(size, 0, index) };
}

/**
 * The first full level-1 tile below which everything must be there: those before it have bundles that a log with this
 * minimum index may lack.
 */
export function firstWholeRun(minIndex: number): number {
  return Math.max(0, Math.floor((minIndex - FULL_WIDTH) / ENTRIES_PER_SEAL) + 1);
}

/** Parses a minimum index: decimal digits, with or without a newline. @throws FormatError */
export function parseMinIndex(bytes: Uint8Array): number {
  const text = Buffer.from(bytes).toString("latin1");
  const digits = /^(0|[1-9]\d{0,15})\n?$/.exec(text)?.[1];
  if (digits !== undefined && Number.isSafeInteger(Number(digits))) return Number(digits);
  throw new FormatError("is not a minimum index", "one number in decimal digits", excerpt(text));
}
