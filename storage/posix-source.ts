/** A log in a directory, as a source. */

import { join } from "node:path";
import { RegularFile } from "./regular-file.ts";
import { type ObjectSource, type ReadOptions, tooLarge } from "./source.ts";

export class PosixSource implements ObjectSource {
  readonly location: string;

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
    if (file === undefined) return undefined;
    try {
      return await readAll(file, options);
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {}
}

async function readAll(file: RegularFile, { maxBytes, reservation }: ReadOptions): Promise<Buffer> {
  if (file.size > maxBytes) throw tooLarge(maxBytes, `${file.size} bytes`);
  await reservation?.atLeast(file.size);
  const bytes = reservation?.allocate?.(file.size) ?? Buffer.allocUnsafeSlow(file.size);
  return bytes.subarray(0, await file.read(bytes, 0));
}
