/** Gzip as Sunlight writes it, in which nothing but the decoded bytes can be: what is stored is to be authentic. */

import { gunzipSync, gzipSync } from "node:zlib";
import { equalBytes } from "../../lib/tlog/merkle.ts";

/** Identification, Deflate, and no flags: neither a name, nor a comment, nor an extra field (RFC 1952 section 2.3). */
const HEADER = Buffer.of(0x1f, 0x8b, 8, 0);

/** What zlib returns when it is asked for `info`, which its types do not say. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** The decoded bytes; undefined if there are more than `maxBytes`, if it is not one whole member, or if anything is behind it. */
export function decodeStrictly(gzip: Uint8Array, maxBytes: number): Buffer | undefined {
  if (!HEADER.equals(gzip.subarray(0, HEADER.length))) return undefined;
  try {
    const options = { maxOutputLength: Math.max(1, maxBytes), info: true };
    const { buffer, engine } = gunzipSync(gzip, options) as unknown as Inflated;
    // The length that the last member states: another before it would make the whole longer.
    const stated = Buffer.from(gzip.subarray(-4)).readUInt32LE();
    return engine.bytesWritten === gzip.length && stated === buffer.length ? buffer : undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

/** @param published gzip from the source, which is used as it is if it is gzip of exactly these bytes. */
export function encode(bytes: Uint8Array, published: Uint8Array | undefined): Uint8Array {
  const decoded = published && decodeStrictly(published, bytes.length);
  return published && decoded && equalBytes(decoded, bytes) ? published : gzipSync(bytes);
}
