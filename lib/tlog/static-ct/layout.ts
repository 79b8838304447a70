/**
 * Entries of Static CT data tiles (https://c2sp.org/static-ct-api#log-entries): a TimestampedEntry of RFC 6962
 * section 3.4, then what the leaf hash does not cover: a precertificate as it was submitted, and the
 * fingerprints of the chain.
 */

import type { EntryFormat } from "../entry.ts";
import { FormatError } from "../errors.ts";

const TIMESTAMP_SIZE = 8;
const ENTRY_TYPE_SIZE = 2;
const ISSUER_KEY_HASH_SIZE = 32;
const FINGERPRINT_SIZE = 32;
const X509_ENTRY = 0;
export const PRECERT_ENTRY = 1;
const MAX_UINT16 = 0xffff;
const MAX_UINT24 = 0xffffff;

export const STATIC_CT_ENTRIES: EntryFormat = {
  // MerkleTreeLeaf (RFC 6962 section 3.4): version v1 (0), leaf_type timestamped_entry (0).
  leafPrefix: new Uint8Array([0, 0]),
  minEntrySize: TIMESTAMP_SIZE + ENTRY_TYPE_SIZE + 3 + 2 + 2,
  maxEntrySize:
    TIMESTAMP_SIZE + ENTRY_TYPE_SIZE + ISSUER_KEY_HASH_SIZE + 2 * (3 + MAX_UINT24) + 2 * (2 + MAX_UINT16),
  readEntry(bundle, offset, span) {
    let at = offset + TIMESTAMP_SIZE;
    const type = readUint(bundle, at, ENTRY_TYPE_SIZE, "entry type");
    at += ENTRY_TYPE_SIZE;
    if (type === PRECERT_ENTRY) at = skip(bundle, at, ISSUER_KEY_HASH_SIZE, "issuer key hash");
    else if (type !== X509_ENTRY) throw new FormatError("is of an unknown type", "0 or 1", String(type));
    at = skipVector(bundle, at, 3, type === PRECERT_ENTRY ? "TBSCertificate" : "certificate");
    at = skipVector(bundle, at, 2, "extensions");
    span.leafStart = offset;
    span.leafEnd = at;
    if (type === PRECERT_ENTRY) at = skipVector(bundle, at, 3, "precertificate");
    const chainEnd = skipVector(bundle, at, 2, "certificate chain");
    if ((chainEnd - at - 2) % FINGERPRINT_SIZE !== 0) {
      throw new FormatError("has a certificate chain that is not made of fingerprints", "32 bytes each");
    }
    span.entryEnd = chainEnd;
  },
};

function readUint(bytes: Uint8Array, at: number, size: number, what: string): number {
  skip(bytes, at, size, what);
  let value = 0;
  for (let i = 0; i < size; i++) value = (value << 8) | (bytes[at + i] as number);
  return value;
}

function skipVector(bytes: Uint8Array, at: number, lengthSize: number, what: string): number {
  const length = readUint(bytes, at, lengthSize, what);
  return skip(bytes, at + lengthSize, length, what);
}

function skip(bytes: Uint8Array, at: number, length: number, what: string): number {
  if (at + length > bytes.length) {
    const left = Math.max(0, bytes.length - at);
    throw new FormatError(`runs over the end of the bundle in its ${what}`, `${length} bytes`, `${left}`);
  }
  return at + length;
}
