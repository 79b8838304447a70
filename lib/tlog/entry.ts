/** What the entries of a log format must tell, so that a bundle of it can be split and hashed. */

/**
 * Where one entry stands in its bundle. The leaf is `leafPrefix` of the format followed by the bytes from
 * `leafStart` to `leafEnd`; the entry itself ends at `entryEnd`. One object is reused for a whole bundle.
 */
export interface EntrySpan {
  leafStart: number;
  leafEnd: number;
  entryEnd: number;
}

/** How the entries of one format are read. */
export interface EntryFormat {
  /** Constant bytes of every leaf that the bundle does not store. */
  readonly leafPrefix: Uint8Array;
  /** Bytes that an entry has at the least. */
  readonly minEntrySize: number;
  /** Bytes that an entry can have at the most. */
  readonly maxEntrySize: number;
  /** Fills `span` for the entry at `offset`. Throws FormatError where the entry is malformed or overruns. */
  readEntry(bundle: Uint8Array, offset: number, span: EntrySpan): void;
}
