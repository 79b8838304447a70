/**
 * Undoes gzip (RFC 1952) within a bound of memory. Whoever serves the bytes may be hostile: neither the size
 * that a trailer declares nor the size that comes out is believed beyond `maxBytes`.
 */

import { gunzipSync } from "node:zlib";
import { type ByteReservation, type ReadOptions, tooLarge } from "../../lib/migrate/ports/source.ts";
import { inflate, MAX_EXPANSION } from "./inflate.ts";

/**
 * How much larger than the object its gzip encoding may be. Bytes that do not compress are stored at 5 bytes a
 * block of up to 64 KiB, and a header may carry 64 KiB of extra field.
 */
export const GZIP_SLACK_BYTES = 1 << 17;

/** What gzip begins with (RFC 1952 section 2.3.1). */
const MAGIC = Buffer.of(0x1f, 0x8b);

/** Whether bytes begin as gzip does; those of other objects may by chance. */
export function beginsAsGzip(bytes: Uint8Array): boolean {
  return MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

/**
 * How many bytes `gzipped` decodes to if its trailer is honest and it has one member, never more than
 * `maxBytes`: what to reserve before gunzip.
 */
export function declaredSize(gzipped: Buffer, maxBytes: number): number {
  const declared = gzipped.length < 4 ? 0 : gzipped.readUInt32LE(gzipped.length - 4);
  return Math.min(declared, gzipped.length * MAX_EXPANSION, maxBytes);
}

/**
 * The decoded bytes, undefined if there are more than `maxBytes`. Allocates room for `maxBytes` at once.
 * @param lender where memory for the bytes can be had. Unless they are few or many they lie there afterwards,
 * and are good for as long as the lender says.
 * @throws FormatError if `gzipped` is not one or more whole gzip members and nothing else.
 */
export function gunzip(
  gzipped: Buffer,
  maxBytes: number,
  lender?: Pick<ByteReservation, "allocate">,
): Uint8Array | undefined {
  return inflate(gunzipSync, gzipped, maxBytes, { refusal: "is not gzip though it says so", lender });
}

/**
 * The decoded bytes of an object of a source. What is held from then on, both forms of the object, is reserved
 * first.
 * @param waited how its reader waits for leave, which may be ended.
 * @throws FormatError if it is not gzip, or decodes to more than `maxBytes`.
 */
export async function gunzipReserved(
  gzipped: Buffer,
  { maxBytes, reservation }: Pick<ReadOptions, "maxBytes" | "reservation">,
  waited: (leave: Promise<void>) => Promise<void>,
): Promise<Uint8Array> {
  const declared = declaredSize(gzipped, maxBytes);
  // A trailer that lies, and an object of several members of which it describes the last, need a second try.
  for (const limit of declared < maxBytes ? [declared, maxBytes] : [maxBytes]) {
    const leave = reservation?.atLeast(gzipped.length + limit);
    if (leave !== undefined) await waited(leave);
    const bytes = gunzip(gzipped, limit, reservation);
    if (bytes !== undefined) return bytes;
  }
  throw tooLarge(maxBytes, `more than ${maxBytes} bytes, from ${gzipped.length} bytes of gzip`);
}
