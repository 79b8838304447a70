/**
 * Entry bundles: up to 256 log entries one after the other. This file splits a bundle of either format into
 * entries; what an entry looks like in each is in `tiles-entry.ts` and `static-ct.ts`.
 */

import type { EntryFormat, EntrySpan } from "./entry.ts";
import { FormatError } from "./errors.ts";
import { FULL_WIDTH, type LogFormat } from "./layout.ts";
import { STATIC_CT_ENTRIES } from "./static-ct/layout.ts";
import { TILES_ENTRIES } from "./tiles-entry.ts";

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

/**
 * Calls `visit` with every entry of a bundle of exactly `width` entries, in order.
 * @throws FormatError if an entry is malformed, if there are fewer entries, or if bytes are left over
 * (https://c2sp.org/tlog-tiles#log-entries).
 */
export function forEachEntry(
  format: LogFormat,
  bundle: Uint8Array,
  width: number,
  visit: (span: Readonly<EntrySpan>, position: number) => void,
): void {
  const end = readEntries(format, bundle, width, visit);
  if (end !== bundle.length) {
    throw new FormatError("has bytes after its last entry", `${end} bytes`, `${bundle.length} bytes`);
  }
}

/**
 * The bundle of the first `width` entries of a wider bundle: what a client takes when the source has deleted
 * a partial bundle because a fuller one exists (https://c2sp.org/tlog-tiles#partial-tiles). Returns a view;
 * what stands after those entries is not looked at.
 */
export function cutBundle(format: LogFormat, bundle: Uint8Array, width: number): Uint8Array {
  return bundle.subarray(0, readEntries(format, bundle, width));
}

function readEntries(
  format: LogFormat,
  bundle: Uint8Array,
  width: number,
  visit?: (span: Readonly<EntrySpan>, position: number) => void,
): number {
  if (width < 1 || width > FULL_WIDTH) throw new Error("a bundle holds 1 to 256 entries");
  const entries = entryFormat(format);
  const span: EntrySpan = { leafStart: 0, leafEnd: 0, entryEnd: 0 };
  let offset = 0;
  for (let position = 0; position < width; position++) {
    if (offset === bundle.length) {
      throw new FormatError("holds too few entries", String(width), String(position));
    }
    try {
      entries.readEntry(bundle, offset, span);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw new FormatError(`entry ${position} of the bundle ${error.message}`, error.expected, error.found);
    }
    visit?.(span, position);
    offset = span.entryEnd;
  }
  return offset;
}
