/** The entries of a bundle: what a log format says about them, the walk over them, and the format of tlog-tiles. */

import { FormatError } from "./errors.ts";
import { FULL_WIDTH } from "./layout.ts";

/**
 * Where one entry is in its bundle. The leaf is `leafPrefix` of the format followed by the bytes from `leafStart`
 * to `leafEnd`; the entry itself ends at `entryEnd`. One object reads entry after entry.
 */
export interface BundleEntry {
  readonly leafStart: number;
  readonly leafEnd: number;
  readonly entryEnd: number;
  /** Reads the entry at `offset`. @throws FormatError where it is malformed or overruns the bundle. */
  read(bundle: Uint8Array, offset: number): void;
}

/** How the entries of one format are read. */
export interface EntryFormat<Entry extends BundleEntry = BundleEntry> {
  /** Constant bytes of every leaf that the bundle does not store. */
  readonly leafPrefix: Uint8Array;
  /** The fewest bytes that an entry can have. */
  readonly minEntrySize: number;
  /** The most bytes that an entry can have. */
  readonly maxEntrySize: number;
  newEntry(): Entry;
}

/**
 * Calls `visit` with each of the first `width` entries of a bundle, in order, and returns where the last one ends.
 * @throws FormatError if an entry is malformed, or if there are fewer entries.
 */
export function readEntries<Entry extends BundleEntry>(
  format: EntryFormat<Entry>,
  bundle: Uint8Array,
  width: number,
  visit?: (entry: Readonly<Entry>, position: number) => void,
): number {
  if (width < 1 || width > FULL_WIDTH) throw new Error("a bundle holds 1 to 256 entries");
  const entry = format.newEntry();
  let offset = 0;
  for (let position = 0; position < width; position++) {
    if (offset === bundle.length) {
      throw new FormatError("holds too few entries", String(width), String(position));
    }
    try {
      entry.read(bundle, offset);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw new FormatError(`entry ${position} of the bundle ${error.message}`, error.expected, error.found);
    }
    visit?.(entry, position);
    offset = entry.entryEnd;
  }
  return offset;
}

/**
 * Calls `visit` with every entry of a bundle of exactly `width` entries, in order.
 * @throws FormatError if an entry is malformed, if there are fewer entries, or if bytes are left over
 * (https://c2sp.org/tlog-tiles#log-entries).
 */
export function readAllEntries<Entry extends BundleEntry>(
  format: EntryFormat<Entry>,
  bundle: Uint8Array,
  width: number,
  visit: (entry: Readonly<Entry>, position: number) => void,
): void {
  const end = readEntries(format, bundle, width, visit);
  if (end !== bundle.length) {
    throw new FormatError("has bytes after its last entry", `${end} bytes`, `${bundle.length} bytes`);
  }
}

const LENGTH_SIZE = 2;

/** An entry of tlog-tiles: a big-endian uint16 length, then that many bytes, which are the leaf. */
class TilesEntry implements BundleEntry {
  leafStart = 0;
  leafEnd = 0;

  get entryEnd(): number {
    return this.leafEnd;
  }

  read(bundle: Uint8Array, offset: number): void {
    if (offset + LENGTH_SIZE > bundle.length) {
      throw new FormatError("is cut off within its length", "2 bytes", `${bundle.length - offset}`);
    }
    const length = ((bundle[offset] as number) << 8) | (bundle[offset + 1] as number);
    this.leafStart = offset + LENGTH_SIZE;
    this.leafEnd = this.leafStart + length;
    if (this.leafEnd > bundle.length) {
      const left = bundle.length - this.leafStart;
      throw new FormatError("runs over the end of the bundle", `${length} bytes`, `${left}`);
    }
  }
}

/** https://c2sp.org/tlog-tiles#log-entries */
export const TILES_ENTRIES: EntryFormat = {
  leafPrefix: new Uint8Array(0),
  minEntrySize: LENGTH_SIZE,
  maxEntrySize: LENGTH_SIZE + 0xffff,
  newEntry: () => new TilesEntry(),
};
