/** How one thread writes and reads the objects of a log in a bucket. */

import type { TargetBatch, TargetWriter } from "../../lib/migrate/ports/target.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { type GcsEffort, type GcsLimits, GcsObjects } from "../gcs/objects.ts";
import type { GcsPlace } from "../gcs/url.ts";

export class GcsWriter implements TargetWriter {
  readonly #objects: GcsObjects;

  constructor(place: GcsPlace, effort: GcsEffort, limits: GcsLimits) {
    this.#objects = new GcsObjects(place, effort, limits);
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    try {
      return await this.#objects.read(path, maxBytes);
    } catch (error) {
      // Larger than it may be, or encoded: whatever it is, it is not what is looked for.
      if (error instanceof FormatError) return new Uint8Array(0);
      throw error;
    }
  }

  batch(): TargetBatch {
    return new GcsBatch(this.#objects);
  }

  close(): Promise<void> {
    return this.#objects.close();
  }
}

/**
 * An object is durable when its upload is acknowledged (https://cloud.google.com/storage/docs/consistency), and whole
 * or not there at all. So there is nothing to do for a batch in the end; and what was uploaded is authentic, so that
 * it may stay where a batch is abandoned: the same bytes belong there. A copy that slept through another's hand-over
 * can add nothing that would not be there but the right edge of a smaller size, which is an obsolete partial.
 */
class GcsBatch implements TargetBatch {
  readonly #objects: GcsObjects;

  constructor(objects: GcsObjects) {
    this.#objects = objects;
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#objects.put(path, bytes);
  }

  async keep(): Promise<void> {}

  async commit(): Promise<void> {}

  async abandon(): Promise<void> {}
}
