/** Reads members of a zip at random, and trusts nothing that the zip says about them. */

import { crc32, inflateRawSync } from "node:zlib";
import type { ReadOptions } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import type { RegularFile } from "../posix/regular-file.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { inflate, MAX_EXPANSION } from "../shared/inflate.ts";
import { LOCAL_HEADER_BYTES, type ZipMember } from "./zip-directory.ts";

const LOCAL_HEADER_SIGNATURE = 0x04034b50;

/** Space in the first read for extra fields of a member's own header: most writers make none. */
const USUAL_EXTRA_BYTES = 32;

/**
 * The bytes of a member: one read of the file, seldom two. The memory for it, compressed and inflated, is reserved
 * first.
 * @throws FormatError if it does not match the zip's directory, or is larger than `maxBytes`; SourceError if it cannot
 * be read.
 */
export async function readMember(
  file: RegularFile,
  member: ZipMember,
  { maxBytes, reservation, signal }: ReadOptions,
): Promise<Uint8Array> {
  const { size, compressedSize, deflated } = member;
  if (size > maxBytes) {
    const problem = `is larger in ${file.name} than an object of its kind can be`;
    throw new FormatError(problem, `at most ${maxBytes} bytes`, `${size} bytes`);
  }
  requirePossible(member, file.name);
  const name = Buffer.from(member.name);
  const length = LOCAL_HEADER_BYTES + name.length + USUAL_EXTRA_BYTES + compressedSize;
  const leave = reservation?.atLeast(length + (deflated ? size : 0));
  if (leave !== undefined) await untilAborted(leave, signal);
  const buffer = reservation?.allocate?.(length) ?? Buffer.allocUnsafeSlow(length);
  const compressed = await storedBytes(file, member, name, buffer);
  const bytes = deflated ? inflated(compressed, size, file.name, reservation) : compressed;
  if (bytes === undefined || bytes.length !== size) {
    const found = bytes === undefined ? "more bytes" : `${bytes.length} bytes`;
    throw new FormatError(`is not as long as ${file.name} says`, `${size} bytes`, found);
  }
  const sum = crc32(bytes);
  if (sum !== member.crc32) {
    throw new FormatError(`does not have the CRC-32 that ${file.name} says`, hex(member.crc32), hex(sum));
  }
  return bytes;
}

/** Refuses impossible sizes before memory is reserved for them. */
function requirePossible({ size, compressedSize, deflated }: ZipMember, zip: string): void {
  if (!deflated) return;
  if (size <= compressedSize * MAX_EXPANSION && compressedSize <= mostCompressed(size)) return;
  throw new FormatError(
    `cannot have the sizes that ${zip} says`,
    undefined,
    `${size} bytes, compressed to ${compressedSize}`,
  );
}

/** Deflate needs at most 15 bits a byte; the rest is for the headers of its blocks. */
function mostCompressed(size: number): number {
  return 2 * size + 1024;
}

function inflated(
  compressed: Buffer,
  size: number,
  zip: string,
  lender: ReadOptions["reservation"],
): Uint8Array | undefined {
  return inflate(inflateRawSync, compressed, size, `is not Deflate though ${zip} says so`, lender);
}

/** The stored bytes of a member, after its own header in the file: `buffer` has space for both. */
async function storedBytes(
  file: RegularFile,
  { offset, compressedSize }: ZipMember,
  name: Buffer,
  buffer: Buffer,
): Promise<Buffer> {
  const read = await file.read(buffer, offset);
  const nameEnd = LOCAL_HEADER_BYTES + name.length;
  const isHeader =
    read >= nameEnd + compressedSize &&
    buffer.readUInt32LE(0) === LOCAL_HEADER_SIGNATURE &&
    buffer.readUInt16LE(26) === name.length &&
    buffer.subarray(LOCAL_HEADER_BYTES, nameEnd).equals(name);
  if (!isHeader) throw new FormatError(`is not where ${file.name} says`, `byte ${offset}`);
  const start = nameEnd + buffer.readUInt16LE(28);
  if (start + compressedSize <= read) return buffer.subarray(start, start + compressedSize);
  const bytes = buffer.subarray(0, compressedSize);
  if ((await file.read(bytes, offset + start)) === compressedSize) return bytes;
  throw new FormatError(`is cut off: ${file.name} ends before it`);
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, "0");
}
