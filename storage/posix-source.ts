/** A log in a directory, as a source. */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { FormatError } from "../lib/tlog/errors.ts";
import { errnoCode } from "./file-failure.ts";
import { type ObjectSource, type ReadOptions, SourceError } from "./source.ts";

export class PosixSource implements ObjectSource {
  readonly location: string;

  /** @param directory the log's root, an absolute path. */
  constructor(directory: string) {
    this.location = directory;
  }

  locate(path: string): string {
    return join(this.location, path);
  }

  async read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    options.signal?.throwIfAborted();
    const file = await this.#open(path);
    if (file === undefined) return undefined;
    try {
      return await readAll(file, options);
    } catch (error) {
      throw sourceError(error);
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {}

  async #open(path: string): Promise<FileHandle | undefined> {
    try {
      // O_NONBLOCK: opening a FIFO that somebody put there must not hang.
      return await open(this.locate(path), constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (errnoCode(error) === "ENOENT" || errnoCode(error) === "ENOTDIR") return undefined;
      throw sourceError(error);
    }
  }
}

async function readAll(file: FileHandle, options: ReadOptions): Promise<Uint8Array> {
  const stat = await file.stat();
  if (!stat.isFile()) throw new FormatError("is not a regular file");
  if (stat.size > options.maxBytes) {
    throw new FormatError("is too large", `at most ${options.maxBytes} bytes`, `${stat.size} bytes`);
  }
  await options.reservation?.atLeast(stat.size);
  const bytes = Buffer.allocUnsafeSlow(stat.size);
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

function sourceError(error: unknown): unknown {
  const code = errnoCode(error);
  if (code === undefined || !(error instanceof Error)) return error;
  const advice = code === "EACCES" ? "Check the file's owner and mode" : undefined;
  return new SourceError(
    error.message,
    { retryable: code === "EIO" || code === "EMFILE", advice },
    { cause: error },
  );
}
