/** A log in a directory, as a source. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type ObjectSource, type ReadOptions, tooLarge } from "../../lib/migrate/ports/source.ts";
import { bundleDirectory } from "../../lib/tlog/layout.ts";
import { AbortWatch } from "../shared/abort-watch.ts";
import { beginsAsGzip } from "../shared/gzip.ts";
import { RegularFile } from "./regular-file.ts";

export class PosixSource implements ObjectSource {
  readonly location: string;
  readonly #aborts = new AbortWatch();

  /** @param directory the log's root, an absolute path. */
  constructor(directory: string) {
    this.location = directory;
  }

  locate(path: string): string {
    return join(this.location, path);
  }

  async read(path: string, options: ReadOptions): Promise<Buffer | undefined> {
    options.signal?.throwIfAborted();
    const file = await RegularFile.open(this.locate(path));
    try {
      options.signal?.throwIfAborted();
      return file && (await this.#readAll(file, options));
    } finally {
      await file?.close();
    }
  }

  /** A directory of Sunlight looks like any other, except that its data tiles are compressed. */
  explain(path: string, bytes: Uint8Array): string | undefined {
    if (!path.startsWith(`${bundleDirectory("static-ct")}/`) || !beginsAsGzip(bytes)) return undefined;
    return `is gzip, as in a directory of Sunlight; name the log as gzip+${pathToFileURL(this.location).href}`;
  }

  async close(): Promise<void> {}

  async #readAll(file: RegularFile, { maxBytes, reservation, signal }: ReadOptions): Promise<Buffer> {
    if (file.size > maxBytes) throw tooLarge(maxBytes, `${file.size} bytes`);
    const leave = reservation?.atLeast(file.size);
    if (leave !== undefined) await this.#aborts.until(leave, signal);
    const bytes = reservation?.allocate?.(file.size) ?? Buffer.allocUnsafeSlow(file.size);
    const length = await file.read(bytes, 0);
    signal?.throwIfAborted();
    return bytes.subarray(0, length);
  }
}
