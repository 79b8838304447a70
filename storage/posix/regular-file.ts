/** Reads files made by others: never hangs on them, and distinguishes failures from wrong content. */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { errnoCode } from "./errno.ts";

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
      // O_NONBLOCK: opening a FIFO must not hang.
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const stat = await handle.stat();
      if (!stat.isFile()) throw new FormatError("is not a regular file");
      return new RegularFile(basename(path), handle, stat.size);
    } catch (error) {
      await handle?.close();
      if (errnoCode(error) === "ENOENT" || errnoCode(error) === "ENOTDIR") return undefined;
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

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** A failed system call on a file of a source as a SourceError; any other error as it is. */
export function sourceError(error: unknown): unknown {
  const code = errnoCode(error);
  if (code === undefined || !(error instanceof Error)) return error;
  const advice = code === "EACCES" ? "Check the file's owner and mode" : undefined;
  const retryable = code === "EIO" || code === "EMFILE";
  return new SourceError(error.message, { retryable, advice }, { cause: error });
}
