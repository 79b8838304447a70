/** How one thread writes and reads the files of a Sunlight log: those of its data tiles are gzip. */

import type { TargetBatch, TargetWriter } from "../../lib/migrate/ports/target.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { ENCODING_SLACK_BYTES } from "../shared/inflate.ts";
import { COMPRESSED } from "./source.ts";
import { markerIn } from "./state.ts";
import { decodeStrictly, encode } from "./strict-gzip.ts";
import { PosixWriter } from "./writer.ts";

export class SunlightWriter implements TargetWriter {
  readonly storesGzip = true;
  readonly #files: PosixWriter;

  constructor(root: string) {
    this.#files = new PosixWriter(root, CHECKPOINT_PATH);
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    if (COMPRESSED.test(path)) {
      const stored = await this.#files.read(path, maxBytes + ENCODING_SLACK_BYTES);
      // Whatever it is otherwise, it is not what is looked for.
      return stored && (decodeStrictly(stored, maxBytes) ?? new Uint8Array(0));
    }
    const bytes = await this.#files.read(path, maxBytes);
    // Until the handover there is a claim in its place.
    const isClaim = path === CHECKPOINT_PATH && markerIn(Buffer.from(bytes ?? []).toString()) !== undefined;
    return isClaim ? undefined : bytes;
  }

  batch(): TargetBatch {
    const batch = this.#files.batch();
    return {
      put: (path, bytes, gzip) => batch.put(path, COMPRESSED.test(path) ? encode(bytes, gzip) : bytes),
      keep: (path, bytes) =>
        batch.keep(path, COMPRESSED.test(path) ? () => encode(bytes, undefined) : () => bytes),
      commit: () => batch.commit(),
      abandon: () => batch.abandon(),
    };
  }

  close(): Promise<void> {
    return this.#files.close();
  }
}
