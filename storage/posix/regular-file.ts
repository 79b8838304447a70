/** Reads files that others have made: never blocks on them, and distinguishes failures from wrong content. */

import fs from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { systemErrorWords } from "../../lib/errors.ts";
import { openFilesAdvice } from "../../lib/migrate/open-files.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { errnoCode, ifPresent } from "./errno.ts";

/** Opening a FIFO must not hang, and a terminal must not become this process's own. */
const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY;

const ABSENT = ["ENOENT", "ENOTDIR"];

/** A regular file that is open for reading. */
export class RegularFile {
  readonly name: string;
  /** In bytes, when it was opened. */
  readonly size: number;
  readonly #handle: FileHandle;

  private constructor(name: string, handle: FileHandle, size: number) {
    this.name = name;
    this.#handle = handle;
    this.size = size;
  }

  /**
   * Opens the file at `path`, undefined if there is none.
   * @throws SourceError if it cannot be opened, FormatError if it is not a regular file.
   */
  static async open(path: string): Promise<RegularFile | undefined> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, READ_FLAGS);
      const stat = await handle.stat();
      requireRegular(stat);
      return new RegularFile(basename(path), handle, stat.size);
    } catch (error) {
      await handle?.close().catch(() => {});
      if (ABSENT.includes(errnoCode(error) ?? "")) return undefined;
      throw sourceError(error);
    }
  }

  /** Fills `buffer` with the bytes at `position`; returns how many there are. @throws SourceError */
  async read(buffer: Buffer, position: number): Promise<number> {
    let length = 0;
    try {
      while (length < buffer.length) {
        const rest = { offset: length, position: position + length };
        const { bytesRead } = await this.#handle.read(buffer, rest);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
    } catch (error) {
      throw sourceError(error);
    }
    return length;
  }

  /** Never rejects: what was read is read. */
  async close(): Promise<void> {
    await this.#handle.close().catch(() => {});
  }
}

/**
 * The text of a small file, undefined if there is none. What is not a regular file is not opened at all: to open a
 * device may be to act on it.
 * @throws FormatError if it is not a regular file, or larger than `maxBytes`; or the failed system call.
 */
export function smallFileText(path: string, maxBytes: number): string | undefined {
  const found = ifPresent(() => fs.statSync(path), ABSENT);
  if (found === undefined) return undefined;
  requireRegular(found);
  const fd = ifPresent(() => fs.openSync(path, READ_FLAGS), ABSENT);
  if (fd === undefined) return undefined;
  try {
    const stat = fs.fstatSync(fd);
    requireRegular(stat);
    const bytes = Buffer.alloc(Math.min(stat.size, maxBytes + 1));
    const length = fs.readSync(fd, bytes, 0, bytes.length, 0);
    if (length <= maxBytes) return bytes.toString("utf8", 0, length);
    throw new FormatError(
      "is too large",
      `at most ${formatCount(maxBytes)} bytes`,
      `${formatCount(stat.size)} bytes`,
    );
  } finally {
    closeQuietly(fd);
  }
}

/** Closes a file that was only read, or whose bytes are durable: there is nothing left to fail. */
export function closeQuietly(fd: number): void {
  try {
    fs.closeSync(fd);
  } catch {
    // The descriptor is gone whatever close(2) says.
  }
}

function requireRegular(stat: fs.Stats): void {
  if (!stat.isFile()) throw new FormatError("is not a regular file");
}

/** A failed system call on a file of a source as a SourceError; any other error as it is. */
export function sourceError(error: unknown): unknown {
  const code = errnoCode(error);
  if (code === undefined || !(error instanceof Error)) return error;
  const ownAdvice = code === "EACCES" ? "Check the file's owner and mode" : undefined;
  const advice = code === "EMFILE" ? openFilesAdvice() : ownAdvice;
  // That this process may open too few files does not pass.
  const retryable = code === "EIO" || code === "ENFILE";
  return new SourceError(systemErrorWords(error), { retryable, advice }, { cause: error });
}
