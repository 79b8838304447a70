/** One zip of an archive: opened to read its members at random, or to read one member once. */

import { basename } from "node:path";
import type { ReadOptions } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { RegularFile } from "../posix/regular-file.ts";
import { once } from "../shared/memoize.ts";
import { ArchiveIndex } from "./index.ts";
import type { ZipMember } from "./zip-directory.ts";

/** Loaded for archives alone, since it loads yauzl. */
const zips = once(async () => ({
  ...(await import("./zip-directory.ts")),
  ...(await import("./zip-member.ts")),
}));

export class ArchiveZip {
  readonly #file: RegularFile;
  readonly #index: ArchiveIndex;

  private constructor(file: RegularFile, index: ArchiveIndex) {
    this.#file = file;
    this.#index = index;
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
      const { readZipDirectory } = await zips();
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

  /** The names of its members other than full tiles and bundles of this zip alone. */
  get sharedNames(): Iterable<string> {
    return this.#index.sharedNames;
  }

  /** The bytes of the member named `path`, undefined if there is none. */
  async read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    const place = this.#index.find(path);
    if (place === undefined) return undefined;
    const { readMember } = await zips();
    return await readMember(this.#file, { ...place, name: path }, options);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/**
 * The first member of that name of the zip at `path`, undefined if there is none. Reads the directory up to it: in
 * archives as they are made, the checkpoint is the second member.
 */
export async function readOneMember(
  path: string,
  name: string,
  options: ReadOptions,
): Promise<Uint8Array | undefined> {
  return await lookInto(path, async (file) => {
    const { readZipDirectory, readMember } = await zips();
    let found: ZipMember | undefined;
    await readZipDirectory(file, (member) => {
      if (member.name === name) found = member;
      return found === undefined;
    });
    return found && (await readMember(file, found, options));
  });
}

async function lookInto<T>(path: string, look: (file: RegularFile) => Promise<T>): Promise<T | undefined> {
  const file = await openFile(path);
  if (file === undefined) return undefined;
  try {
    return await look(file);
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
