/**
 * A log in a directory of Sunlight, as a source. Its data tiles, full and partial, are stored gzip-compressed under
 * their plain names, as are the names tiles next to them and the entry bundles of the logs that its witness mirrors;
 * hash tiles, issuers and checkpoint are plain
 * (https://pkg.go.dev/filippo.io/sunlight#ClientConfig, internal/ctlog and internal/witness in its source).
 */

import { pathToFileURL } from "node:url";
import type { ObjectSource, ReadOptions } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { AbortWatch } from "../shared/abort-watch.ts";
import { beginsAsGzip, GZIP_SLACK_BYTES, gunzipReserved } from "../shared/gzip.ts";
import { PosixSource } from "./source.ts";

const COMPRESSED = /^tile\/(?:data|entries|names)\//;

export class GzipSource implements ObjectSource {
  readonly location: string;
  /** Its URL if its data tiles were plain. */
  readonly #plainLocation: string;
  readonly #files: PosixSource;
  readonly #aborts = new AbortWatch();

  /** @param directory the log's root, an absolute path. */
  constructor(directory: string) {
    this.#plainLocation = pathToFileURL(directory).href;
    this.location = `gzip+${this.#plainLocation}`;
    this.#files = new PosixSource(directory);
  }

  locate(path: string): string {
    return this.#files.locate(path);
  }

  async read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    if (!COMPRESSED.test(path)) return await this.#files.read(path, options);
    const maxBytes = options.maxBytes + GZIP_SLACK_BYTES;
    const stored = await this.#files.read(path, { ...options, maxBytes });
    if (stored === undefined) return undefined;
    if (!beginsAsGzip(stored)) {
      throw new FormatError(
        `is not gzip, as data tiles below gzip+file:// are; where they are plain, name the log as ${this.#plainLocation}`,
      );
    }
    return await gunzipReserved(stored, options, (leave) => this.#aborts.until(leave, options.signal));
  }

  async close(): Promise<void> {}
}
