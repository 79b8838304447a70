/**
 * Undoes gzip (RFC 1952) within a bound of memory. Whoever serves the bytes may be hostile: neither the size
 * that a trailer declares nor the size that comes out is believed beyond `maxBytes`.
 */

import { gunzipSync } from "node:zlib";
import { FormatError } from "../lib/tlog/errors.ts";
import type { ByteReservation } from "./source.ts";

/** Deflate cannot expand by more than this (https://zlib.net/zlib_tech.html), so no honest trailer says more. */
const MAX_EXPANSION = 1032;

/** zlib refuses smaller output buffers. */
const MIN_CHUNK_BYTES = 64;

/**
 * Larger objects stay where zlib put them. While one is moved it is there twice, and the second copy is in no
 * reservation: one of at most this size a thread, since nothing else happens in the thread meanwhile.
 */
const MAX_MOVED_BYTES = 1 << 20;

/**
 * How many bytes `gzipped` decodes to if its trailer is honest and it has one member, never more than
 * `maxBytes`: what to reserve before gunzip.
 */
export function declaredSize(gzipped: Buffer, maxBytes: number): number {
  const declared = gzipped.length < 4 ? 0 : gzipped.readUInt32LE(gzipped.length - 4);
  return Math.min(declared, gzipped.length * MAX_EXPANSION, maxBytes);
}

/**
 * The decoded bytes, undefined if there are more than `maxBytes`. Allocates room for `maxBytes` at once, so
 * that they should be what is expected: one output buffer of the right size was measured to be a third faster
 * than zlib's own chunks of 16 KiB.
 * @param lender where memory for the bytes can be had. Unless they are few or many they lie there afterwards,
 * and are good for as long as the lender says.
 * @throws FormatError if `gzipped` is not one or more whole gzip members and nothing else.
 */
export function gunzip(
  gzipped: Buffer,
  maxBytes: number,
  lender?: Pick<ByteReservation, "allocate">,
): Uint8Array | undefined {
  // With room for exactly maxBytes zlib would open a second chunk only to see that the first was enough.
  const chunkSize = Math.max(MIN_CHUNK_BYTES, maxBytes + 1);
  let result: unknown;
  try {
    result = gunzipSync(gzipped, {
      chunkSize,
      maxOutputLength: Math.max(1, maxBytes),
      info: true,
    });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ERR_BUFFER_TOO_LARGE") return undefined;
    if (typeof code === "string" && code.startsWith("Z_")) throw notGzip(error);
    throw error;
  }
  if (!isInflated(result)) throw new Error("zlib gave no account of what it read");
  // zlib passes over zeros after the last member; bytes that nothing stands for are not the object's.
  if (result.engine.bytesWritten !== gzipped.length) {
    throw new FormatError("is not gzip though it says so", "nothing after its end", "more bytes");
  }
  const bytes = result.buffer;
  if (bytes.length > maxBytes) return undefined;
  // Node cuts small chunks out of memory that it shares among all buffers, and that must never be freed.
  const isAlone = bytes.buffer.byteLength === chunkSize;
  return isAlone && bytes.length <= MAX_MOVED_BYTES ? moved(bytes, lender) : bytes;
}

/**
 * The bytes in lent memory, where there is any; what they were in is then freed at once. zlib cannot be told
 * where to write, and a buffer a bundle, left to garbage collection, makes it run all the time. Measured with
 * 1,000,000 Static CT entries (bundles of 312 KB), medians of nine interleaved runs: 5.4 s of CPU time with the
 * move and 5.9 s without, and a peak of 132 MB against 272 MB. The copy itself takes 20 µs of a bundle's 1.4 ms.
 */
function moved(bytes: Buffer<ArrayBuffer>, lender: Pick<ByteReservation, "allocate"> | undefined): Buffer {
  const lent = lender?.allocate?.(bytes.length);
  if (lent === undefined) return bytes;
  lent.set(bytes);
  bytes.buffer.transfer(0);
  return lent;
}

/** What gunzipSync returns when it is asked for `info`. */
interface Inflated {
  readonly buffer: Buffer<ArrayBuffer>;
  readonly engine: { readonly bytesWritten: number };
}

function isInflated(result: unknown): result is Inflated {
  if (typeof result !== "object" || result === null || !("buffer" in result && "engine" in result))
    return false;
  const { buffer, engine } = result;
  return (
    buffer instanceof Uint8Array && typeof engine === "object" && engine !== null && "bytesWritten" in engine
  );
}

function notGzip(error: unknown): FormatError {
  const reason = error instanceof Error ? error.message : undefined;
  return new FormatError("is not gzip though it says so", undefined, reason);
}
