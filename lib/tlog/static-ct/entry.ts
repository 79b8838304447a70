/**
 * Entries of Static CT data tiles (https://c2sp.org/static-ct-api#log-entries): a TimestampedEntry of RFC 6962
 * section 3.4, then the extra data, which no leaf hash covers: the precertificate as it was submitted, and the
 * chain, which is the fingerprints (SHA-256 of DER) of the certificates above the logged one, its own issuer first.
 */

import { type BundleEntry, type EntryFormat, readAllEntries } from "../entry.ts";
import { FormatError } from "../errors.ts";
import { equalRanges } from "../merkle.ts";

export const FINGERPRINT_SIZE = 32;

const TIMESTAMP_SIZE = 8;
const ENTRY_TYPE_SIZE = 2;
const X509_ENTRY = 0;
const PRECERT_ENTRY = 1;
const ISSUER_KEY_HASH_SIZE = 32;
const MAX_UINT16 = 0xffff;
const MAX_UINT24 = 0xffffff;

const EXTENSION_HEADER_SIZE = 3;
const LEAF_INDEX = 0;
const LEAF_INDEX_SIZE = 5;

/** Where the parts of one entry are in its data tile. */
export class StaticCtEntry implements BundleEntry {
  leafStart = 0;
  isPrecertificate = false;
  /** 32 bytes; -1 in an entry that is not a precertificate's. */
  issuerKeyHashStart = -1;
  /** The certificate, or a precertificate's TBSCertificate as the log has signed it. */
  signedStart = 0;
  signedEnd = 0;
  /** CtExtensions, up to `leafEnd`. */
  extensionsStart = 0;
  leafEnd = 0;
  /** The precertificate as it was submitted; empty in an entry of a certificate. */
  precertificateStart = 0;
  precertificateEnd = 0;
  /** Fingerprints of 32 bytes, up to `entryEnd`. */
  chainStart = 0;
  entryEnd = 0;

  read(bundle: Uint8Array, offset: number): void {
    this.leafStart = offset;
    let at = offset + TIMESTAMP_SIZE;
    const type = readUint(bundle, at, ENTRY_TYPE_SIZE, "entry type");
    if (type !== X509_ENTRY && type !== PRECERT_ENTRY) {
      throw new FormatError("is of an unknown type", "0 or 1", String(type));
    }
    at += ENTRY_TYPE_SIZE;
    const isPrecertificate = type === PRECERT_ENTRY;
    this.isPrecertificate = isPrecertificate;
    this.issuerKeyHashStart = isPrecertificate ? at : -1;
    if (isPrecertificate) at = skip(bundle, at, ISSUER_KEY_HASH_SIZE, "issuer key hash");
    this.signedStart = at + 3;
    this.signedEnd = at = skipVector(bundle, at, 3, isPrecertificate ? "TBSCertificate" : "certificate");
    this.extensionsStart = at + 2;
    this.leafEnd = at = skipVector(bundle, at, 2, "extensions");
    this.precertificateStart = this.precertificateEnd = at;
    if (isPrecertificate) {
      this.precertificateStart = at + 3;
      this.precertificateEnd = at = skipVector(bundle, at, 3, "precertificate");
    }
    this.chainStart = at + 2;
    this.entryEnd = skipVector(bundle, at, 2, "certificate chain");
    if ((this.entryEnd - this.chainStart) % FINGERPRINT_SIZE !== 0) {
      throw new FormatError("has a certificate chain that is not made of fingerprints", "32 bytes each");
    }
  }
}

export const STATIC_CT_ENTRIES: EntryFormat<StaticCtEntry> = {
  // MerkleTreeLeaf (RFC 6962 section 3.4): version v1 (0), leaf_type timestamped_entry (0).
  leafPrefix: new Uint8Array([0, 0]),
  minEntrySize: TIMESTAMP_SIZE + ENTRY_TYPE_SIZE + 3 + 2 + 2,
  maxEntrySize:
    TIMESTAMP_SIZE + ENTRY_TYPE_SIZE + ISSUER_KEY_HASH_SIZE + 2 * (3 + MAX_UINT24) + 2 * (2 + MAX_UINT16),
  newEntry: () => new StaticCtEntry(),
};

/**
 * Calls `visit` with every entry of a data tile of exactly `width` entries, in order.
 * @param visit `hasNewChain` is false where the chain equals that of the entry before, as it mostly does: a log has
 *   few chains.
 * @throws FormatError
 */
export function forEachStaticCtEntry(
  bundle: Uint8Array,
  width: number,
  visit: (entry: Readonly<StaticCtEntry>, position: number, hasNewChain: boolean) => void,
): void {
  let [start, length] = [0, -1];
  readAllEntries(STATIC_CT_ENTRIES, bundle, width, (entry, position) => {
    const { chainStart, entryEnd } = entry;
    const isAsBefore = entryEnd - chainStart === length && equalRanges(bundle, start, chainStart, length);
    [start, length] = [chainStart, entryEnd - chainStart];
    visit(entry, position, !isAsBefore);
  });
}

/**
 * The index that a CtExtensions list says its entry has (https://c2sp.org/static-ct-api#sct-extension). Undefined
 * where it says none, as in logs that are older than the extension.
 *
 * @throws FormatError where it is not a list of extensions, where two are of one type, or where a leaf_index is not
 *   5 bytes long.
 */
export function leafIndexOf(bytes: Uint8Array, start = 0, end: number = bytes.length): number | undefined {
  let index: number | undefined;
  const types = new Set<number>();
  for (let at = start; at < end; ) {
    const dataStart = at + EXTENSION_HEADER_SIZE;
    // Beyond the end this reads what comes after, or nothing: both are refused.
    const dataEnd = dataStart + uint(bytes, at + 1, 2);
    if (dataEnd > end) throw new FormatError("has extensions that are cut off");
    const type = bytes[at] as number;
    if (types.has(type)) throw new FormatError(`has two extensions of type ${type}`);
    types.add(type);
    if (type === LEAF_INDEX) index = leafIndexAt(bytes, dataStart, dataEnd);
    at = dataEnd;
  }
  return index;
}

function leafIndexAt(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== LEAF_INDEX_SIZE) {
    const [expected, found] = [`${LEAF_INDEX_SIZE} bytes`, `${end - start}`];
    throw new FormatError("has a leaf_index of the wrong length", expected, found);
  }
  return uint(bytes, start, 2) * 0x1000000 + uint(bytes, start + 2, 3);
}

function skipVector(bytes: Uint8Array, at: number, lengthSize: number, what: string): number {
  const length = readUint(bytes, at, lengthSize, what);
  return skip(bytes, at + lengthSize, length, what);
}

function readUint(bytes: Uint8Array, at: number, size: number, what: string): number {
  skip(bytes, at, size, what);
  return uint(bytes, at, size);
}

function skip(bytes: Uint8Array, at: number, length: number, what: string): number {
  if (at + length > bytes.length) {
    const left = Math.max(0, bytes.length - at);
    throw new FormatError(`runs over the end of the bundle in its ${what}`, `${length} bytes`, `${left}`);
  }
  return at + length;
}

/** A big-endian number of up to 3 bytes. */
function uint(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = (value << 8) | (bytes[at + i] as number);
  return value;
}
