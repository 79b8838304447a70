/**
 * The parts of one entry of a Static CT data tile (https://c2sp.org/static-ct-api#log-entries): where each
 * stands in the tile, those that the leaf hash covers and those that it does not.
 */

import type { EntrySpan } from "../entry.ts";
import { FormatError } from "../errors.ts";
import { PRECERT_ENTRY } from "./layout.ts";

const TIMESTAMP_SIZE = 8;
const ENTRY_TYPE_SIZE = 2;
const ISSUER_KEY_HASH_SIZE = 32;
const EXTENSION_HEADER_SIZE = 3;
const LEAF_INDEX = 0;
const LEAF_INDEX_SIZE = 5;

/** Offsets into a bundle. One object is used for entry after entry. */
export class StaticCtEntry {
  start = 0;
  isPrecertificate = false;
  /** 32 bytes; -1 in an entry that is no precertificate's. */
  issuerKeyHashStart = -1;
  /** The certificate, or a precertificate's TBSCertificate as the log has signed it. */
  signedStart = 0;
  signedEnd = 0;
  /** CtExtensions. */
  extensionsStart = 0;
  extensionsEnd = 0;
  /** The precertificate as it was submitted; empty in an entry of a certificate. */
  precertificateStart = 0;
  precertificateEnd = 0;
  /** Fingerprints of 32 bytes. */
  chainStart = 0;
  chainEnd = 0;
  end = 0;

  /**
   * Reads the entry at a span that `STATIC_CT_ENTRIES.readEntry` has given for this bundle.
   * @throws FormatError where the span is of something else.
   */
  read(bundle: Uint8Array, span: Readonly<EntrySpan>): void {
    const typeStart = span.leafStart + TIMESTAMP_SIZE;
    let at = typeStart + ENTRY_TYPE_SIZE;
    this.start = span.leafStart;
    this.isPrecertificate = uint16(bundle, typeStart) === PRECERT_ENTRY;
    this.issuerKeyHashStart = this.isPrecertificate ? at : -1;
    if (this.isPrecertificate) at += ISSUER_KEY_HASH_SIZE;
    this.signedStart = at + 3;
    this.signedEnd = at = this.signedStart + uint24(bundle, at);
    this.extensionsStart = at + 2;
    this.extensionsEnd = at = this.extensionsStart + uint16(bundle, at);
    const leafEnd = at;
    this.precertificateStart = this.precertificateEnd = at;
    if (this.isPrecertificate) {
      this.precertificateStart = at + 3;
      this.precertificateEnd = at = this.precertificateStart + uint24(bundle, at);
    }
    this.chainStart = at + 2;
    this.chainEnd = this.end = this.chainStart + uint16(bundle, at);
    const isInside = this.start >= 0 && this.end <= bundle.length;
    if (!isInside || leafEnd !== span.leafEnd || this.end !== span.entryEnd) {
      throw new FormatError("does not end where its span ends", `${span.entryEnd}`, `${this.end}`);
    }
  }

  /** Milliseconds since 1970; unsigned, and as large as the log has written it. */
  timestamp(bundle: Uint8Array): bigint {
    return new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength).getBigUint64(this.start);
  }
}

/**
 * The index that a CtExtensions list says its entry has (https://c2sp.org/static-ct-api#sct-extension). Undefined
 * where it says none, as in logs that are older than the extension.
 *
 * @throws FormatError where it is no list of extensions, where two are of one type, or where a leaf_index is not
 *   5 bytes long.
 */
export function leafIndexOf(extensions: Uint8Array): number | undefined {
  return leafIndexIn(extensions, 0, extensions.length);
}

/** The same, for the CtExtensions that stand from `start` to `end`. */
export function leafIndexIn(bytes: Uint8Array, start: number, end: number): number | undefined {
  let index: number | undefined;
  const types = new Set<number>();
  for (let at = start; at < end; ) {
    const dataStart = at + EXTENSION_HEADER_SIZE;
    // Beyond the end this reads what comes after, or nothing: both are refused.
    const dataEnd = dataStart + uint16(bytes, at + 1);
    if (dataEnd > end) throw new FormatError("has extensions that are cut off");
    const type = bytes[at] as number;
    if (types.has(type)) throw new FormatError(`has two extensions of type ${type}`);
    types.add(type);
    if (type === LEAF_INDEX) index = uint40(bytes, dataStart, dataEnd);
    at = dataEnd;
  }
  return index;
}

function uint40(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== LEAF_INDEX_SIZE) {
    throw new FormatError(
      "has a leaf_index of the wrong length",
      `${LEAF_INDEX_SIZE} bytes`,
      `${end - start}`,
    );
  }
  return uint16(bytes, start) * 0x1000000 + uint24(bytes, start + 2);
}

function uint24(bytes: Uint8Array, at: number): number {
  return (uint16(bytes, at) << 8) | (bytes[at + 2] as number);
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}
