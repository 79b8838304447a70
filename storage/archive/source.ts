/** A log in an archive of zips, as a source. */

import fs from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ListedObject, ObjectSource, ReadOptions } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { errnoCode } from "../posix/errno.ts";
import { sourceError } from "../posix/regular-file.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { once } from "../shared/memoize.ts";
import { MAX_SHARED_MEMBERS } from "./index.ts";
import { archivePlace, ZIP_SPAN, zipName, zipNumber } from "./layout.ts";
import { ArchiveZip, readOneMember } from "./zip.ts";
import { OpenZips } from "./zip-cache.ts";

export class ArchiveSource implements ObjectSource {
  readonly location: string;
  readonly #directory: string;
  readonly #span: number;
  readonly #zips: OpenZips<ArchiveZip>;
  /** Zips that were looked for and do not exist. */
  readonly #missing = new Set<number>();

  /** @param span entries below one zip, a power of 256; tests have smaller ones than the format. */
  constructor(directory: string, span = ZIP_SPAN) {
    this.location = `archive+${pathToFileURL(directory).href}`;
    this.#directory = directory;
    this.#span = span;
    this.#zips = new OpenZips((number) => ArchiveZip.open(this.#pathOf(number), number, span));
  }

  locate(path: string): string {
    const zip = archivePlace(path, this.#span)?.zip;
    if (zip === undefined) return `${join(this.#directory, "*.zip")}: ${path}`;
    return `${this.#pathOf(zip)}${this.#missing.has(zip) ? ", which does not exist" : ""}: ${path}`;
  }

  async read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    options.signal?.throwIfAborted();
    const bytes = await this.#find(path, options);
    options.signal?.throwIfAborted();
    return bytes;
  }

  /** Of full tiles and bundles an archive has no others: its zips refuse what does not belong there. */
  async *listOthers(isKnown: (path: string) => boolean): AsyncGenerator<ListedObject> {
    const places = await this.#sharedPlaces();
    const others = [...places].filter(([path]) => !isKnown(path)).sort(([, a], [, b]) => a - b);
    for (const [path, number] of others) {
      const size = await this.#zips.use(number, async ({ index }) => index.find(path)?.size);
      if (size !== undefined) yield { path, bytes: size };
    }
  }

  close(): Promise<void> {
    return this.#zips.close();
  }

  async #find(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    if (path === CHECKPOINT_PATH) return await this.#checkpoint(options);
    const zip = archivePlace(path, this.#span)?.zip;
    return zip === undefined ? this.#readShared(path, options) : this.#readFrom(zip, path, options);
  }

  #pathOf(zip: number): string {
    return join(this.#directory, zipName(zip));
  }

  async #readFrom(number: number, path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    let found = false;
    const bytes = await this.#zips.use(number, (zip) => {
      found = true;
      return zip.read(path, options);
    });
    if (found) this.#missing.delete(number);
    else this.#missing.add(number);
    return bytes;
  }

  /**
   * An archive is of a frozen log: zips whose checkpoints differ are of different archives, and none of them is right.
   * Only signatures may differ: they may have been renewed.
   */
  async #checkpoint(options: ReadOptions): Promise<Uint8Array | undefined> {
    let first: { readonly zip: string; readonly note: Buffer } | undefined;
    for (const number of await this.#numbers()) {
      options.signal?.throwIfAborted();
      const bytes = await readOneMember(this.#pathOf(number), CHECKPOINT_PATH, options);
      if (bytes === undefined) continue;
      const zip = zipName(number);
      const note = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      first ??= { zip, note };
      if (signedText(note).equals(signedText(first.note))) continue;
      throw new FormatError(
        `differs between ${first.zip} and ${zip}: they are of different archives`,
        summary(first.note),
        summary(note),
      );
    }
    return first?.note;
  }

  /** Reads what any zip may contain, preferably from one that is open. */
  async #readShared(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    const open = this.#zips.numbers;
    const near = open.length > 0 ? open : (await this.#numbers()).slice(0, 1);
    for (const number of near) {
      const bytes = await this.#readFrom(number, path, options);
      if (bytes !== undefined) return bytes;
    }
    const places = await untilAborted(this.#sharedPlaces(), options.signal);
    const number = places.get(path);
    return number === undefined ? undefined : await this.#readFrom(number, path, options);
  }

  /**
   * A zip for each member that any zip may contain. All are opened for this, once, when something is not where it should
   * be: many archives were made without issuers.
   */
  #sharedPlaces = once(async () => {
    const places = new Map<string, number>();
    for (const number of await this.#numbers()) {
      await this.#zips.use(number, async (zip) => {
        for (const name of zip.index.sharedNames) places.set(name, number);
      });
      // The zips of one archive have much the same members.
      if (places.size > MAX_SHARED_MEMBERS) {
        const expected = `at most ${formatCount(MAX_SHARED_MEMBERS)} besides tiles`;
        throw new FormatError("cannot be found: the zips have more members than a log has", expected);
      }
    }
    return places;
  });

  /** The numbers of the existing zips, in order. */
  async #numbers(): Promise<number[]> {
    try {
      const numbers = (await fs.readdir(this.#directory)).map(zipNumber);
      return numbers.filter((number) => number !== undefined).sort((a, b) => a - b);
    } catch (error) {
      if (errnoCode(error) === "ENOENT" || errnoCode(error) === "ENOTDIR") return [];
      throw sourceError(error);
    }
  }
}

/** The signed part of a note: everything before its last blank line. */
function signedText(note: Buffer): Buffer {
  return note.subarray(0, note.lastIndexOf("\n\n") + 1);
}

/** The tree of a checkpoint, for a message. */
function summary(note: Buffer): string {
  const [origin = "", size = "", root = ""] = note.toString("utf8", 0, 300).split("\n");
  return `${origin}, size ${size}, root ${root}`;
}
