/** Entry bundles: up to 256 log entries one after the other, in either format. */

import { type BundleEntry, type EntryFormat, readAllEntries, readEntries, TILES_ENTRIES } from "./entry.ts";
import type { LogFormat } from "./layout.ts";
import { STATIC_CT_ENTRIES } from "./static-ct/entry.ts";

/** The entry format of a log format. */
export function entryFormat(format: LogFormat): EntryFormat {
  return format === "tiles" ? TILES_ENTRIES : STATIC_CT_ENTRIES;
}

/** The most bytes that a bundle of `width` entries can have when it is well formed. */
export function maxBundleSize(format: LogFormat, width: number): number {
  return entryFormat(format).maxEntrySize * width;
}

/** The fewest bytes that a bundle of `width` entries can have. */
export function minBundleSize(format: LogFormat, width: number): number {
  return entryFormat(format).minEntrySize * width;
}

/** Calls `visit` with every entry of a bundle of exactly `width` entries, in order. @throws FormatError */
export function forEachEntry(
  format: LogFormat,
  bundle: Uint8Array,
  width: number,
  visit: (entry: Readonly<BundleEntry>, position: number) => void,
): void {
  readAllEntries(entryFormat(format), bundle, width, visit);
}

/**
 * The bundle of the first `width` entries of a wider bundle: what a client takes when the source has deleted
 * a partial bundle because a fuller one exists (https://c2sp.org/tlog-tiles#partial-tiles). Returns a view;
 * bytes after those entries are not examined. @throws FormatError
 */
export function cutBundle(format: LogFormat, bundle: Uint8Array, width: number): Uint8Array {
  return bundle.subarray(0, readEntries(entryFormat(format), bundle, width));
}
