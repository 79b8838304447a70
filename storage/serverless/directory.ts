/** The directory of a log of the old serverless layout. */

import { statSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { sep } from "node:path";
import { pathToFileURL } from "node:url";
import type { ReadOptions } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { errnoCode } from "../posix/errno.ts";
import { sourceError } from "../posix/regular-file.ts";
import { PosixSource } from "../posix/source.ts";

/**
 * Reads nothing outside of the directory. The log's own software links partial tiles to full ones by the absolute path
 * that the log had, so that in a log that was moved a link may lead to any place.
 */
export class LogDirectory extends PosixSource {
  readonly address: string;
  readonly #directory: string;

  /** @param directory the log's root, an absolute path; it may be a link itself. */
  constructor(directory: string) {
    super(directory);
    this.#directory = directory;
    this.address = pathToFileURL(directory).href;
  }

  override async read(path: string, options: ReadOptions): Promise<Buffer | undefined> {
    options.signal?.throwIfAborted();
    const [root, file] = await Promise.all([realPath(this.#directory), realPath(this.locate(path))]);
    if (root === undefined || file === undefined) return undefined;
    const below = root.endsWith(sep) ? root : root + sep;
    if (!file.startsWith(below)) {
      const advice = "Replace the link by the file itself";
      throw new FormatError("is a symbolic link that points out of the log", `below ${root}`, file, advice);
    }
    return await super.read(path, options);
  }

  /** The size of a file in bytes; undefined if that cannot be looked at. */
  sizeOf(path: string): number | undefined {
    try {
      return statSync(this.locate(path)).size;
    } catch {
      return undefined;
    }
  }
}

/** A path without symbolic links; undefined if nothing is there, as behind a dangling one. */
async function realPath(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(errnoCode(error) ?? "")) return undefined;
    throw sourceError(error);
  }
}
