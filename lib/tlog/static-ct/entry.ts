/**
 * Entries of Static CT data tiles (https://c2sp.org/static-ct-api#log-entries): a TimestampedEntry of RFC 6962
 * section 3.4, then the extra data, which no leaf hash covers: the precertificate as it was submitted, and the
 * chain, which is the fingerprints (SHA-256 of DER) of the certificates above the logged one, its own issuer first.
 */

import { FormatError } from "../errors.ts";
import { formatCount } from "../quantities.ts";

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
export class StaticCtEntry {
  /** 0x00, then of the MerkleTreeLeaf (RFC 6962 section 3.4) version v1 (0) and leaf_type timestamped_entry (0). */
  static readonly leafHashPrefix: Uint8Array = Uint8Array.of(0x00, 0, 0);
  static readonly minSize: number = TIMESTAMP_SIZE + ENTRY_TYPE_SIZE + 3 + 2 + 2;
  static readonly maxSize: number =
    TIMESTAMP_SIZE + ENTRY_TYPE_SIZE + ISSUER_KEY_HASH_SIZE + 2 * (3 + MAX_UINT24) + 2 * (2 + MAX_UINT16);

  leafStart = 0;
  isPrecertificate = false;
  /** -1 in an entry that is not a precertificate's. */
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

/**
 * The index that a CtExtensions list says its entry has (https://c2sp.org/static-ct-api#sct-extension); undefined
 * where it says none, as in logs that are older than the extension.
 * @throws FormatError where it is not such a list, where two are of one type, or where a leaf_index is malformed.
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
    at = dataEnd;
    if (type !== LEAF_INDEX) continue;
    const size = dataEnd - dataStart;
    if (size !== LEAF_INDEX_SIZE) {
      throw new FormatError("has a leaf_index of the wrong length", `${LEAF_INDEX_SIZE} bytes`, `${size}`);
    }
    index = uint(bytes, dataStart, 2) * 0x1000000 + uint(bytes, dataStart + 2, 3);
  }
  return index;
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
    throw new FormatError(
      `runs over the end of the bundle in its ${what}`,
      `${formatCount(length)} bytes`,
      formatCount(left),
    );
  }
  return at + length;
}

/** A big-endian number of up to 3 bytes. */
function uint(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = (value << 8) | (bytes[at + i] as number);
  return value;
}
