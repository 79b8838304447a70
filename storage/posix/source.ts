/** Logs in directories, as sources. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type ListedObject,
  type ObjectSource,
  type ReadOptions,
  tooLarge,
} from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { beginsAsGzip, decodeReserved, ENCODING_SLACK_BYTES } from "../shared/inflate.ts";
import { asOldLayout } from "../shared/old-layout.ts";
import { COMPRESSED } from "../sunlight/layout.ts";
import { otherFiles } from "./other-files.ts";
import { RegularFile } from "./regular-file.ts";

export class PosixSource implements ObjectSource {
  readonly location: string;
  readonly #directory: string;

  /** @param directory the log's root, an absolute path. */
  constructor(directory: string, location = directory) {
    this.location = location;
    this.#directory = directory;
  }

  locate(path: string): string {
    return join(this.#directory, path);
  }

  async read(path: string, options: ReadOptions): Promise<Buffer | undefined> {
    options.signal?.throwIfAborted();
    const file = await RegularFile.open(this.locate(path));
    try {
      options.signal?.throwIfAborted();
      return file && (await readAll(file, options));
    } finally {
      await file?.close();
    }
  }

  listOthers(isKnown: (path: string) => boolean): AsyncIterable<ListedObject> {
    return otherFiles(this.#directory, isKnown);
  }

  /** A directory of Sunlight looks like any other, except that its data tiles and entry bundles are compressed. */
  explain(path: string, bytes: Uint8Array): string | undefined {
    if (!COMPRESSED.test(path) || !beginsAsGzip(bytes)) return undefined;
    return `is gzip, as in a directory of Sunlight; name the log as gzip+${pathToFileURL(this.location).href}`;
  }

  otherLayout(): Promise<string | undefined> {
    return asOldLayout(this, pathToFileURL(this.#directory).href);
  }

  async close(): Promise<void> {}
}

/**
 * A directory of Sunlight. Its data tiles, full and partial, are stored gzip-compressed under their plain names, as are
 * the names tiles next to them and the entry bundles of the logs that its witness mirrors; hash tiles, issuers and
 * checkpoint are plain
 * (https://pkg.go.dev/filippo.io/sunlight#ClientConfig, internal/ctlog and internal/witness in its source).
 */
export class GzipSource extends PosixSource {
  constructor(directory: string) {
    super(directory, `gzip+${pathToFileURL(directory).href}`);
  }

  override async read(path: string, options: ReadOptions): Promise<Buffer | undefined> {
    if (!COMPRESSED.test(path)) return await super.read(path, options);
    const maxBytes = options.maxBytes + ENCODING_SLACK_BYTES;
    const stored = await super.read(path, { ...options, maxBytes });
    if (stored === undefined) return undefined;
    if (beginsAsGzip(stored)) {
      const bytes = await decodeReserved("gzip", stored, options);
      options.onGzip?.(stored);
      return bytes;
    }
    const plain = this.location.replace("gzip+", "");
    throw new FormatError(
      `is not gzip, as data tiles below gzip+file:// are; where they are plain, name the log as ${plain}`,
    );
  }

  override explain(): undefined {}
}

async function readAll(file: RegularFile, { maxBytes, reservation, signal }: ReadOptions): Promise<Buffer> {
  if (file.size > maxBytes) throw tooLarge(maxBytes, `${formatCount(file.size)} bytes`);
  const leave = reservation?.atLeast(file.size);
  if (leave !== undefined) await untilAborted(leave, signal);
  const bytes = reservation?.allocate?.(file.size) ?? Buffer.allocUnsafeSlow(file.size);
  const length = await file.read(bytes, 0);
  signal?.throwIfAborted();
  return bytes.subarray(0, length);
}
