/**
 * Entries of tlog-tiles bundles: a big-endian uint16 length, then that many bytes, which are the leaf
 * (https://c2sp.org/tlog-tiles#log-entries).
 */

import type { EntryFormat } from "./entry.ts";
import { FormatError } from "./errors.ts";

const LENGTH_SIZE = 2;

export const TILES_ENTRIES: EntryFormat = {
  leafPrefix: new Uint8Array(0),
  minEntrySize: LENGTH_SIZE,
  maxEntrySize: LENGTH_SIZE + 0xffff,
  readEntry(bundle, offset, span) {
    if (offset + LENGTH_SIZE > bundle.length) {
      throw new FormatError("is cut off within its length", "2 bytes", `${bundle.length - offset}`);
    }
    const length = ((bundle[offset] as number) << 8) | (bundle[offset + 1] as number);
    const start = offset + LENGTH_SIZE;
    const end = start + length;
    if (end > bundle.length) {
      throw new FormatError("runs over the end of the bundle", `${length} bytes`, `${bundle.length - start}`);
    }
    span.leafStart = start;
    span.leafEnd = end;
    span.entryEnd = end;
  },
};
