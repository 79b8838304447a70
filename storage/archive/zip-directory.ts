/**
 * Reads the central directory of a zip (APPNOTE.TXT 4.3.12 to 4.3.16, Zip64 included), which yauzl parses. The zip may
 * be hostile: a member that cannot be an archive's is refused by name.
 *
 * Large archives made with Go's archive/zip are subtly invalid: a member beyond the first 4 GiB has its sizes in the
 * Zip64 field of its directory entry, as if they needed 64 bits, but in 32 bits in the data descriptor after its bytes
 * (https://go.dev/issue/33116). Only the directory is used here, and data descriptors are not read.
 */

import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, validateFileName } from "yauzl";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import type { RegularFile } from "../posix/regular-file.ts";

export interface ZipMember {
  readonly name: string;
  /** Where its own header starts in the file. */
  readonly offset: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly crc32: number;
  /** False: its bytes are stored uncompressed. */
  readonly deflated: boolean;
}

/** Bytes of a member's own header before its name (APPNOTE.TXT 4.3.7). */
export const LOCAL_HEADER_BYTES = 30;

/** No object of a log comes near this, and sizes up to it fit into 32 bits. */
const MAX_MEMBER_BYTES = 0xffff_ffff;

/** Names of objects have at most 80 bytes. */
const MAX_NAME_BYTES = 255;

const DEFLATED = 8;

/**
 * Calls `take` with each member of a zip, in order, until it returns false. Takes 2 µs a member and 256 KiB.
 * @throws FormatError if it is not a zip or a member cannot be an archive's; SourceError; what `take` throws.
 */
export async function readZipDirectory(
  file: RegularFile,
  take: (member: ZipMember) => boolean,
): Promise<void> {
  const window = new Window(file);
  let last = "";
  try {
    const zip = await fromRandomAccessReaderPromise(window, file.size, OPTIONS);
    for await (const entry of zip.eachEntry()) {
      const member = memberOf(entry, file.size);
      last = member.name;
      if (!take(member)) return;
    }
  } catch (error) {
    throw directoryError(error, file.name, last);
  }
}

/** The problem of a zip, as a clause about the object that is looked for in it. */
function directoryError(error: unknown, zip: string, last: string): unknown {
  if (error instanceof FormatError) {
    return new FormatError(`cannot be read: ${zip} ${error.message}`, error.expected, error.found);
  }
  if (!(error instanceof Error) || error instanceof SourceError) return error;
  const where = last === "" ? "" : `, after ${last}`;
  return new FormatError(`cannot be read: ${zip} is not a complete zip`, undefined, error.message + where);
}

/** Names are decoded, and sizes compared, here: where messages can name the member. */
const OPTIONS = { autoClose: false, lazyEntries: true, decodeStrings: false, validateEntrySizes: false };

/** @throws FormatError if it cannot be an archive's. */
function memberOf(entry: Entry, fileSize: number): ZipMember {
  const { compressedSize, uncompressedSize: size, relativeOffsetOfLocalHeader: offset, crc32 } = entry;
  const name = entry.fileNameRaw.toString("utf8", 0, MAX_NAME_BYTES);
  const invalid = entry.fileNameLength > MAX_NAME_BYTES ? `too long: ${name}` : validateFileName(name);
  if (invalid !== null) throw new FormatError("has a member with an invalid name", undefined, invalid);
  if (entry.isEncrypted()) throw new FormatError(`has an encrypted member, ${name}`);
  if (!entry.canDecodeFileData()) {
    const found = `method ${entry.compressionMethod}`;
    throw new FormatError(`has a member with an unsupported compression, ${name}`, "Deflate", found);
  }
  const deflated = entry.compressionMethod === DEFLATED;
  if (size > MAX_MEMBER_BYTES || compressedSize > MAX_MEMBER_BYTES) {
    const problem = `has a member larger than any object of a log, ${name}`;
    throw new FormatError(problem, undefined, `${formatCount(size)} bytes`);
  }
  if (!deflated && size !== compressedSize) {
    throw new FormatError(
      `has a member with two sizes, ${name}`,
      `${formatCount(size)} bytes`,
      `${formatCount(compressedSize)} bytes`,
    );
  }
  if (offset + LOCAL_HEADER_BYTES + entry.fileNameLength + compressedSize > fileSize) {
    const expected = `at most ${formatCount(fileSize)} bytes`;
    throw new FormatError(`has a member beyond its end, ${name}`, expected, `byte ${offset}`);
  }
  return { name, offset, compressedSize, size, crc32, deflated };
}

/** A buffer over the file that moves forward: yauzl reads a few bytes at a time. */
class Window extends RandomAccessReader {
  readonly #file: RegularFile;
  readonly #bytes = Buffer.allocUnsafeSlow(1 << 18);
  #start = 0;
  #length = 0;

  constructor(file: RegularFile) {
    super();
    this.#file = file;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, bytesRead?: number) => void,
  ): void {
    const target = buffer.subarray(offset, offset + length);
    if (position >= this.#start && position + length <= this.#start + this.#length) {
      done(null, this.#copy(target, position));
    } else if (position >= this.#file.size) {
      done(null, 0);
    } else {
      this.#moveTo(position)
        .then(() => done(null, this.#copy(target, position)))
        // Also what the parser throws at unforeseen bytes: it must not end the process.
        .catch((error: Error) => done(error));
    }
  }

  #copy(target: Buffer, position: number): number {
    return this.#bytes.copy(target, 0, position - this.#start, this.#length);
  }

  async #moveTo(position: number): Promise<void> {
    this.#length = 0;
    this.#start = position;
    this.#length = await this.#file.read(this.#bytes, position);
  }
}
