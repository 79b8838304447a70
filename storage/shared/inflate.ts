/**
 * Undoes Deflate (RFC 1951), in whatever wrapping, within a bound of memory. Whoever made the bytes may be
 * hostile: nothing that they say of their size is believed.
 */

import type { gunzipSync, inflateRawSync } from "node:zlib";
import type { ByteReservation } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";

/** Deflate cannot expand by more than this (https://zlib.net/zlib_tech.html), so nothing honest claims more. */
export const MAX_EXPANSION = 1032;

/** zlib refuses smaller output buffers. */
const MIN_CHUNK_BYTES = 64;

/**
 * Larger objects stay where zlib put them. While one is moved it is there twice, and the second copy is in no
 * reservation: one of at most this size a thread, since nothing else happens in the thread meanwhile.
 */
const MAX_MOVED_BYTES = 1 << 20;

/** What goes with bytes that are to be inflated. */
export interface InflateOptions {
  /** What is wrong with bytes that cannot be, as a clause. */
  readonly refusal: string;
  /** Where memory for the inflated bytes can be had. */
  readonly lender?: Pick<ByteReservation, "allocate"> | undefined;
}

/**
 * The inflated bytes, undefined if there are more than `maxBytes`. Allocates room for `maxBytes` at once, so
 * that they should be what is expected: one output buffer of the right size was measured to be a third faster
 * than zlib's own chunks of 16 KiB. Unless the bytes are few or many they lie in the lender's memory
 * afterwards, where there is one, and are good for as long as it says.
 * @param decode what undoes the wrapping.
 * @throws FormatError if `deflated` is not whole, or more follows its end.
 */
export function inflate(
  decode: typeof gunzipSync | typeof inflateRawSync,
  deflated: Buffer,
  maxBytes: number,
  { refusal, lender }: InflateOptions,
): Uint8Array | undefined {
  // With room for exactly maxBytes zlib would open a second chunk only to see that the first was enough.
  const chunkSize = Math.max(MIN_CHUNK_BYTES, maxBytes + 1);
  let result: unknown;
  try {
    result = decode(deflated, { chunkSize, maxOutputLength: Math.max(1, maxBytes), info: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ERR_BUFFER_TOO_LARGE") return undefined;
    if (typeof code === "string" && code.startsWith("Z_")) throw unreadable(refusal, error);
    throw error;
  }
  if (!isInflated(result)) throw new Error("zlib gave no account of what it read");
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

/** What zlib returns when it is asked for `info`. */
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

function unreadable(refusal: string, error: unknown): FormatError {
  return new FormatError(refusal, undefined, error instanceof Error ? error.message : undefined);
}
