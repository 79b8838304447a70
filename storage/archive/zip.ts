/** One zip of an archive. Its statements about its members are never trusted. */

import { basename } from "node:path";
import { crc32, inflateRawSync } from "node:zlib";
import type { ReadOptions } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { RegularFile } from "../posix/regular-file.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { inflate, MAX_EXPANSION } from "../shared/inflate.ts";
import { ArchiveIndex } from "./index.ts";
import { LOCAL_HEADER_BYTES, readZipDirectory, type ZipMember } from "./zip-directory.ts";

const LOCAL_HEADER_SIGNATURE = 0x04034b50;

/** Space in the first read for extra fields of a member's own header: most writers make none. */
const USUAL_EXTRA_BYTES = 32;

/** An open zip with random access to its members. */
export class ArchiveZip {
  readonly index: ArchiveIndex;
  readonly #file: RegularFile;

  private constructor(file: RegularFile, index: ArchiveIndex) {
    this.#file = file;
    this.index = index;
  }

  /**
   * Opens zip `number`, undefined if there is no file at `path`. Takes 0.3 s of a core and 3 MB for a full one.
   * @param span entries below one zip.
   * @throws FormatError if it is not a zip of an archive, SourceError if it cannot be read.
   */
  static async open(path: string, number: number, span: number): Promise<ArchiveZip | undefined> {
    const file = await openFile(path);
    if (file === undefined) return undefined;
    try {
      const index = new ArchiveIndex(number, span);
      await readZipDirectory(file, (member) => {
        index.add(member);
        return true;
      });
      return new ArchiveZip(file, index);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** @throws as `readMember` does. */
  async read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    const place = this.index.find(path);
    return place && (await readMember(this.#file, { ...place, name: path }, options));
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Reads the directory only up to a member: in archives as they are made, the checkpoint is the second one. */
export async function readOneMember(
  path: string,
  name: string,
  options: ReadOptions,
): Promise<Uint8Array | undefined> {
  const file = await openFile(path);
  if (file === undefined) return undefined;
  try {
    let found: ZipMember | undefined;
    await readZipDirectory(file, (member) => {
      if (member.name === name) found = member;
      return found === undefined;
    });
    return found && (await readMember(file, found, options));
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<RegularFile | undefined> {
  try {
    return await RegularFile.open(path);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`cannot be read: ${basename(path)} ${error.message}`);
  }
}

/**
 * One read of the file, seldom two. The memory for the bytes, compressed and inflated, is reserved first.
 * @throws FormatError if the member does not match the zip's directory, or is larger than `maxBytes`; SourceError if
 * it cannot be read.
 */
async function readMember(
  file: RegularFile,
  member: ZipMember,
  { maxBytes, reservation, signal }: ReadOptions,
): Promise<Uint8Array> {
  const { size, compressedSize, deflated } = member;
  const zip = file.name;
  if (size > maxBytes) {
    const problem = `is larger in ${zip} than an object of its kind can be`;
    throw new FormatError(problem, `at most ${formatCount(maxBytes)} bytes`, `${formatCount(size)} bytes`);
  }
  // Deflate needs at most 15 bits a byte; the rest is for the headers of its blocks.
  const mostCompressed = 2 * size + 1024;
  if (deflated && (size > compressedSize * MAX_EXPANSION || compressedSize > mostCompressed)) {
    const found = `${formatCount(size)} bytes, compressed to ${formatCount(compressedSize)}`;
    throw new FormatError(`cannot have the sizes that ${zip} says`, undefined, found);
  }
  const name = Buffer.from(member.name);
  const length = LOCAL_HEADER_BYTES + name.length + USUAL_EXTRA_BYTES + compressedSize;
  const leave = reservation?.atLeast(length + (deflated ? size : 0));
  if (leave !== undefined) await untilAborted(leave, signal);
  const buffer = reservation?.allocate?.(length) ?? Buffer.allocUnsafeSlow(length);
  const stored = await storedBytes(file, member, name, buffer);
  const bytes = deflated
    ? inflate(inflateRawSync, stored, size, `is not Deflate though ${zip} says so`, reservation)
    : stored;
  if (bytes?.length !== size) {
    const found = bytes === undefined ? "more bytes" : `${formatCount(bytes.length)} bytes`;
    throw new FormatError(`is not as long as ${zip} says`, `${formatCount(size)} bytes`, found);
  }
  const sum = crc32(bytes);
  if (sum === member.crc32) return bytes;
  throw new FormatError(`does not have the CRC-32 that ${zip} says`, hex(member.crc32), hex(sum));
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
