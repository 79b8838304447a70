/** How one thread writes and reads the files of a Sunlight log: those of its data tiles are gzip. */

import type { TargetBatch, TargetWriter } from "../../lib/migrate/ports/target.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { ENCODING_SLACK_BYTES } from "../shared/inflate.ts";
import { COMPRESSED } from "../sunlight/layout.ts";
import { decoded, storedBytes } from "../sunlight/stored-object.ts";
import { PosixWriter } from "./writer.ts";

export class SunlightWriter implements TargetWriter {
  readonly storesGzip = true;
  readonly #files: PosixWriter;

  constructor(root: string) {
    this.#files = new PosixWriter(root, CHECKPOINT_PATH);
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const slack = COMPRESSED.test(path) ? ENCODING_SLACK_BYTES : 0;
    return decoded(path, await this.#files.read(path, maxBytes + slack), maxBytes);
  }

  batch(): TargetBatch {
    const batch = this.#files.batch();
    return {
      put: (path, bytes, gzip) => batch.put(path, storedBytes(path, bytes, gzip)),
      keep: (path, bytes) => batch.keep(path, () => storedBytes(path, bytes)),
      commit: () => batch.commit(),
      abandon: () => batch.abandon(),
    };
  }

  close(): Promise<void> {
    return this.#files.close();
  }
}
