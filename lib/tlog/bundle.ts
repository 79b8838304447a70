/** Entry bundles: up to 256 consecutive log entries, in either format. */

import { FormatError } from "./errors.ts";
import { FULL_WIDTH, type LogFormat } from "./layout.ts";
import { equalRanges } from "./merkle.ts";
import { formatCount } from "./quantities.ts";
import { StaticCtEntry } from "./static-ct/entry.ts";

/**
 * Where one entry is in its bundle. Its leaf hash covers `leafHashPrefix` of the format, then the bytes from `leafStart`
 * to `leafEnd`; the entry itself ends at `entryEnd`. One object reads entry after entry.
 */
export interface BundleEntry {
  readonly leafStart: number;
  readonly leafEnd: number;
  readonly entryEnd: number;
  /** Reads the entry at `offset`. @throws FormatError where it is malformed or overruns the bundle. */
  read(bundle: Uint8Array, offset: number): void;
}

const LENGTH_SIZE = 2;

/** The largest entry of a tlog-tiles log: its length has two bytes. */
export const MAX_ENTRY_BYTES = 0xffff;

/** https://c2sp.org/tlog-tiles#log-entries: a big-endian uint16 length, then that many bytes, which are the leaf. */
class TilesEntry implements BundleEntry {
  static readonly leafHashPrefix = Uint8Array.of(0x00);
  static readonly minSize = LENGTH_SIZE;
  static readonly maxSize = LENGTH_SIZE + MAX_ENTRY_BYTES;

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
      throw new FormatError(
        "runs over the end of the bundle",
        `${formatCount(length)} bytes`,
        formatCount(left),
      );
    }
  }
}

const ENTRIES = { tiles: TilesEntry, "static-ct": StaticCtEntry };

/** 0x00 of the leaf hash (RFC 6962 section 2.1), then the constant start of every leaf: 1 or 3 bytes. */
export function leafHashPrefix(format: LogFormat): Uint8Array {
  return ENTRIES[format].leafHashPrefix;
}

/** The most bytes that a bundle of `width` entries can have when it is well formed. */
export function maxBundleSize(format: LogFormat, width: number): number {
  return ENTRIES[format].maxSize * width;
}

/** The fewest bytes that a bundle of `width` entries can have. */
export function minBundleSize(format: LogFormat, width: number): number {
  return ENTRIES[format].minSize * width;
}

/**
 * Calls `visit` with every entry of a bundle of exactly `width` entries, in order.
 * @throws FormatError if an entry is malformed, if there are fewer entries, or if bytes are left over.
 */
export function forEachEntry(
  format: LogFormat,
  bundle: Uint8Array,
  width: number,
  visit: (entry: Readonly<BundleEntry>, position: number) => void,
): void {
  readAllEntries(new ENTRIES[format](), bundle, width, visit);
}

/**
 * The same for a data tile of Static CT.
 * @param visit `hasNewChain` is false where the chain equals that of the entry before, as it mostly does: a log has
 *   few chains.
 */
export function forEachStaticCtEntry(
  bundle: Uint8Array,
  width: number,
  visit: (entry: Readonly<StaticCtEntry>, position: number, hasNewChain: boolean) => void,
): void {
  let [start, length] = [0, -1];
  readAllEntries(new StaticCtEntry(), bundle, width, (entry, position) => {
    const { chainStart, entryEnd } = entry;
    const isAsBefore = entryEnd - chainStart === length && equalRanges(bundle, start, chainStart, length);
    [start, length] = [chainStart, entryEnd - chainStart];
    visit(entry, position, !isAsBefore);
  });
}

/**
 * The first `width` entries of a wider bundle, as a view: for a partial bundle that the source has deleted because a
 * fuller one exists (https://c2sp.org/tlog-tiles#partial-tiles). The others are not examined. @throws FormatError
 */
export function cutBundle(format: LogFormat, bundle: Uint8Array, width: number): Uint8Array {
  return bundle.subarray(0, readEntries(new ENTRIES[format](), bundle, width));
}

function readAllEntries<Entry extends BundleEntry>(
  entry: Entry,
  bundle: Uint8Array,
  width: number,
  visit: (entry: Readonly<Entry>, position: number) => void,
): void {
  const end = readEntries(entry, bundle, width, visit);
  if (end !== bundle.length) {
    throw new FormatError(
      "has bytes after its last entry",
      `${formatCount(end)} bytes`,
      `${formatCount(bundle.length)} bytes`,
    );
  }
}

/** Reads the first `width` entries of a bundle, one after the other, into `entry`; returns where the last one ends. */
function readEntries<Entry extends BundleEntry>(
  entry: Entry,
  bundle: Uint8Array,
  width: number,
  visit?: (entry: Readonly<Entry>, position: number) => void,
): number {
  if (width < 1 || width > FULL_WIDTH) throw new Error("a bundle holds 1 to 256 entries");
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
