/**
 * Undoes Deflate (RFC 1951), raw or as gzip (RFC 1952), within a bound of memory. Whoever made the bytes may be
 * hostile: nothing that they say of their size is believed.
 */

import { gunzipSync, type inflateRawSync } from "node:zlib";
import { type ByteReservation, type ReadOptions, tooLarge } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { untilAborted } from "./abort-watch.ts";

/** Deflate cannot expand by more than this (https://zlib.net/zlib_tech.html), so nothing honest claims more. */
export const MAX_EXPANSION = 1032;

/**
 * How much larger than the object its gzip encoding may be: 5 bytes a block of up to 64 KiB that does not compress, and
 * 64 KiB of extra field in a header.
 */
export const GZIP_SLACK_BYTES = 1 << 17;

/** What gzip begins with (RFC 1952 section 2.3.1). */
const GZIP_MAGIC = Buffer.of(0x1f, 0x8b);

/** zlib refuses smaller output buffers. */
const MIN_CHUNK_BYTES = 64;

/** Larger objects stay where zlib put them: while one is moved, the second copy is in no reservation. */
const MAX_MOVED_BYTES = 1 << 20;

/** Where memory for the inflated bytes can be had. */
type Lender = Pick<ByteReservation, "allocate"> | undefined;

/** What zlib returns when it is asked for `info`, which its types do not say. */
interface Inflated {
  readonly buffer: Buffer<ArrayBuffer>;
  readonly engine: { readonly bytesWritten: number };
}

/** Whether bytes begin as gzip does; those of other objects may by chance. */
export function beginsAsGzip(bytes: Uint8Array): boolean {
  return GZIP_MAGIC.equals(bytes.subarray(0, GZIP_MAGIC.length));
}

/** How many bytes `gzipped` decodes to if its trailer is honest and it has one member, at most `maxBytes`. */
export function declaredSize(gzipped: Buffer, maxBytes: number): number {
  const declared = gzipped.length < 4 ? 0 : gzipped.readUInt32LE(gzipped.length - 4);
  return Math.min(declared, gzipped.length * MAX_EXPANSION, maxBytes);
}

/** `inflate` for one or more whole gzip members. */
export function gunzip(gzipped: Buffer, maxBytes: number, lender?: Lender): Buffer | undefined {
  return inflate(gunzipSync, gzipped, maxBytes, "is not gzip though it says so", lender);
}

/**
 * The decoded bytes of an object of a source. What is held from then on, both forms of the object, is reserved first.
 * @throws FormatError if it is not gzip, or decodes to more than `maxBytes`; the signal's reason.
 */
export async function gunzipReserved(
  gzipped: Buffer,
  { maxBytes, reservation, signal }: ReadOptions,
): Promise<Buffer> {
  const declared = declaredSize(gzipped, maxBytes);
  // A trailer that lies, and an object of several members of which it describes the last, need a second try.
  for (const limit of declared < maxBytes ? [declared, maxBytes] : [maxBytes]) {
    const leave = reservation?.atLeast(gzipped.length + limit);
    if (leave !== undefined) await untilAborted(leave, signal);
    const bytes = gunzip(gzipped, limit, reservation);
    if (bytes !== undefined) return bytes;
  }
  throw tooLarge(maxBytes, `more than ${maxBytes} bytes, from ${gzipped.length} bytes of gzip`);
}

/**
 * The inflated bytes, undefined if there are more than `maxBytes`. Allocates that much at once, so it should be what
 * is expected: one output buffer of the right size was measured to be a third faster than zlib's chunks of 16 KiB.
 * @param refusal what is wrong with bytes that cannot be inflated, as a clause.
 * @param lender unless the bytes are few or many they lie in its memory, and are good for as long as it says.
 * @throws FormatError if `deflated` is not whole, or more follows its end.
 */
export function inflate(
  decode: typeof gunzipSync | typeof inflateRawSync,
  deflated: Buffer,
  maxBytes: number,
  refusal: string,
  lender: Lender,
): Buffer | undefined {
  // With room for exactly maxBytes zlib would open a second chunk only to see that the first was enough.
  const chunkSize = Math.max(MIN_CHUNK_BYTES, maxBytes + 1);
  let result: Inflated;
  try {
    const options = { chunkSize, maxOutputLength: Math.max(1, maxBytes), info: true };
    result = decode(deflated, options) as unknown as Inflated;
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    if (error.code === "ERR_BUFFER_TOO_LARGE") return undefined;
    if (!String(error.code).startsWith("Z_")) throw error;
    throw new FormatError(refusal, undefined, error.message);
  }
  // zlib passes over what follows, zeros at least; bytes that nothing stands for are not the object's.
  if (result.engine.bytesWritten !== deflated.length) {
    throw new FormatError(refusal, "nothing after its end", "more bytes");
  }
  const bytes = result.buffer;
  if (bytes.length > maxBytes) return undefined;
  // Node cuts small chunks out of memory that it shares among all buffers, and that must never be freed.
  const isAlone = bytes.buffer.byteLength === chunkSize;
  return isAlone && bytes.length <= MAX_MOVED_BYTES ? moved(bytes, lender) : bytes;
}

/**
 * The bytes in lent memory, where zlib cannot write; what they were in is then freed at once. A buffer a bundle, left
 * to garbage collection, makes it run all the time. Measured with 1,000,000 Static CT entries (bundles of 312 KB), medians
 * of nine interleaved runs: 5.4 s of CPU time with the move, 5.9 s without; a peak of 132 MB against 272 MB.
 */
function moved(bytes: Buffer<ArrayBuffer>, lender: Lender): Buffer {
  const lent = lender?.allocate?.(bytes.length);
  if (lent === undefined) return bytes;
  lent.set(bytes);
  bytes.buffer.transfer(0);
  return lent;
}
