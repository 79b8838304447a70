/**
 * Undoes Deflate (RFC 1951), raw or as gzip (RFC 1952), brotli (RFC 7932) and zstd (RFC 8878), within a bound of memory.
 * Whoever made the bytes may be hostile: nothing that they say of their size is believed.
 */

import {
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  type ZlibOptions,
  zstdDecompressSync,
} from "node:zlib";
import { type ByteReservation, type ReadOptions, tooLarge } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { untilAborted } from "./abort-watch.ts";
import { areWholeFrames } from "./zstd-frames.ts";

/** The codings of a body that are undone, as HTTP names them. */
export type Coding = "gzip" | "br" | "zstd";

/** Deflate cannot expand by more than this (https://zlib.net/zlib_tech.html), so nothing honest claims more. */
export const MAX_EXPANSION = 1032;

/**
 * How much larger than the object its encoding may be. Of gzip: 5 bytes a block of up to 64 KiB that does not compress,
 * and 64 KiB of extra field in a header; brotli and zstd need less.
 */
export const ENCODING_SLACK_BYTES = 1 << 17;

/**
 * The most that zstd may look back, as HTTP bounds it (RFC 9659): 8 MiB, which are allocated. Brotli's format has a
 * bound of 16 MiB.
 */
const ZSTD_WINDOW = { [constants.ZSTD_d_windowLogMax]: 23 };

/** More members of gzip than this are taken only where nothing follows them. */
const MAX_MEMBERS_BEFORE_OTHERS = 64;

/** What gzip begins with (RFC 1952 section 2.3.1). */
const GZIP_MAGIC = Buffer.of(0x1f, 0x8b);

/** Checksum and length. */
const GZIP_TRAILER_BYTES = 8;

/** zlib refuses smaller output buffers. */
const MIN_CHUNK_BYTES = 64;

/** Larger objects stay where zlib put them: while one is moved, the second copy is in no reservation. */
const MAX_MOVED_BYTES = 1 << 20;

/** Where memory for the inflated bytes comes from. */
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

/**
 * The decoded bytes of an object of a source. What is held from then on, both forms of the object, is reserved first.
 * @throws FormatError if it is not whole or not in that coding, or decodes to more than `maxBytes`; the signal's reason.
 */
export async function decodeReserved(
  coding: Coding,
  encoded: Buffer,
  { maxBytes, reservation, signal }: ReadOptions,
): Promise<Buffer> {
  const expected = coding === "gzip" ? declaredSize(encoded, maxBytes) : usualSize(encoded, maxBytes);
  // A trailer that lies, an object of several members of which it describes the last, and what compresses better than
  // usual need a second try.
  for (const limit of expected < maxBytes ? [expected, maxBytes] : [maxBytes]) {
    const leave = reservation?.atLeast(encoded.length + limit);
    if (leave !== undefined) await untilAborted(leave, signal);
    const bytes = decode(coding, encoded, limit, reservation);
    // Node 22 returns the beginning of what is cut off.
    if (bytes !== undefined && coding === "zstd" && !areWholeFrames(encoded)) {
      throw new FormatError(refusalOf(coding), undefined, "unexpected end of file");
    }
    if (bytes !== undefined) return bytes;
  }
  throw tooLarge(
    maxBytes,
    `more than ${formatCount(maxBytes)} bytes, from ${formatCount(encoded.length)} bytes of ${coding}`,
  );
}

/** `inflate` of a coding; with gzip, of one or more whole members. */
export function decode(
  coding: Coding,
  encoded: Buffer,
  maxBytes: number,
  lender?: Lender,
): Buffer | undefined {
  return inflate(DECODERS[coding], encoded, maxBytes, refusalOf(coding), lender);
}

function refusalOf(coding: Coding): string {
  return `is not ${coding}, although it says so`;
}

const DECODERS: Readonly<Record<Coding, Decoder>> = {
  gzip: gunzipMembersSync,
  br: brotliDecompressSync,
  zstd: (encoded, options) => zstdDecompressSync(encoded, { ...options, params: ZSTD_WINDOW }),
};

/**
 * Bytes behind the last member that do not begin another one are ignored, as browsers do, and as brotli's and zstd's
 * decoders do: some servers send them, and what is decoded is authenticated.
 */
function gunzipMembersSync(gzipped: Buffer, options: DecoderOptions): unknown {
  try {
    return gunzipSync(gzipped, options);
  } catch (error) {
    if (!isOfDecoder(error)) throw error;
    const end = endOfMembers(gzipped, options.maxOutputLength);
    if (end === 0 || end === undefined || end >= gzipped.length) throw error;
    return gunzipSync(gzipped.subarray(0, end), options);
  }
}

/** What the decoders find has a number, which Node's own errors do not. */
function isOfDecoder(error: unknown): boolean {
  return error instanceof Error && "errno" in error;
}

/** For codings that do not say it where it is found easily. Certificates compress to a third or half. */
function usualSize(encoded: Buffer, maxBytes: number): number {
  return Math.min(Math.max(8 * encoded.length, 1 << 16), maxBytes);
}

/** Where the gzip members end that come first, undefined if there are too many. @throws what zlib does of one of them. */
function endOfMembers(gzipped: Buffer, maxBytes: number): number | undefined {
  let [end, left] = [0, maxBytes];
  for (let members = 0; beginsAsGzip(gzipped.subarray(end)); members++) {
    const start = endOfHeader(gzipped, end);
    if (start === undefined || members === MAX_MEMBERS_BEFORE_OTHERS) return undefined;
    const options = { maxOutputLength: Math.max(1, left), info: true };
    const { buffer, engine } = inflateRawSync(gzipped.subarray(start), options) as unknown as Inflated;
    end = start + engine.bytesWritten + GZIP_TRAILER_BYTES;
    left -= buffer.length;
  }
  return end;
}

/** Where the header ends of a gzip member at `start` (RFC 1952 section 2.3); undefined if it does not. */
function endOfHeader(gzipped: Buffer, start: number): number | undefined {
  const flags = gzipped[start + 3] ?? 0;
  let end = start + 10;
  if (flags & 4) end += 2 + (gzipped[end] ?? 0) + 256 * (gzipped[end + 1] ?? 0);
  // A name and a comment.
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    end = gzipped.indexOf(0, end) + 1;
    if (end === 0) return undefined;
  }
  if (flags & 2) end += 2;
  return end > gzipped.length ? undefined : end;
}

interface DecoderOptions extends Pick<ZlibOptions, "chunkSize" | "info"> {
  readonly maxOutputLength: number;
}

/** Works as the functions of node:zlib do. */
type Decoder = (encoded: Buffer, options: DecoderOptions) => unknown;

/**
 * The inflated bytes, undefined if there are more than `maxBytes`. Allocates that much at once, so it should be what
 * is expected: one output buffer of the right size was measured to be a third faster than zlib's chunks of 16 KiB.
 * @param refusal what is wrong with bytes that cannot be inflated, as a clause.
 * @param lender unless the bytes are few or many they lie in its memory, and are good for as long as it says.
 * @throws FormatError if `deflated` is not whole, or if more follows the end of raw Deflate.
 */
export function inflate(
  decoder: Decoder,
  deflated: Buffer,
  maxBytes: number,
  refusal: string,
  lender: Lender,
): Buffer | undefined {
  // With space for exactly maxBytes zlib would open a second chunk only to see that the first was enough.
  const chunkSize = Math.max(MIN_CHUNK_BYTES, maxBytes + 1);
  let result: Inflated;
  try {
    const options = { chunkSize, maxOutputLength: Math.max(1, maxBytes), info: true };
    result = decoder(deflated, options) as Inflated;
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    if (error.code === "ERR_BUFFER_TOO_LARGE") return undefined;
    if (!isOfDecoder(error)) throw error;
    throw new FormatError(refusal, undefined, error.message);
  }
  // A file says where such bytes end: what follows is not the object's.
  if (decoder === inflateRawSync && result.engine.bytesWritten !== deflated.length) {
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
