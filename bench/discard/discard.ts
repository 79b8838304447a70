/**
 * A target that throws the bulk of a log away, for measurements of logs that are larger than this machine: entry
 * bundles and full level-0 tiles are noted and dropped. All else is a migration into a directory as it always is: the
 * claim, the seals, the listing, the root recomputed from the upper tiles, the hand-over. What it leaves looks
 * like a log, and is none.
 *
 *     node --import PRELOAD dist/cmd/tlog-migrate.js copy SOURCE discard:///dev/shm/x …
 *
 * where `discardPreload` gives PRELOAD for a program.
 */

import { realpathSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type {
  MigrationTarget,
  StoredObject,
  TargetBatch,
  TargetWriter,
} from "../../lib/migrate/ports/target.ts";
import type { PosixTarget } from "../../storage/posix/target.ts";
import { type DiscardedObject, DiscardedObjects, discardedObject, leastBytes } from "./discarded-objects.ts";

/** The scheme of such targets: `discard:///directory`. */
export const DISCARD_SCHEME = "discard";

const NOTES = ".state/discarded";

/**
 * What `node --import` takes so that a program knows the targets of this file, in its worker threads too.
 * @param program the program's file, compiled or not: `dist/cmd/tlog-migrate.js`, `cmd/tlog-migrate.ts`.
 */
export function discardPreload(program: string): string {
  const preload = new URL("./preload.ts", import.meta.url);
  preload.searchParams.set("program", pathToFileURL(realpathSync(program)).href);
  return preload.href;
}

/**
 * A target that keeps in `directory` what is not thrown away.
 * @param Posix the PosixTarget of the program that runs: another copy of it would throw errors that the program
 * does not know.
 */
export function discardTarget(Posix: typeof PosixTarget, directory: string): MigrationTarget {
  class DiscardTarget extends Posix {
    readonly #discarded = new DiscardedObjects(join(directory, NOTES));

    override async claim(marker: string): Promise<void> {
      this.#discarded.clear();
      await super.claim(marker);
    }

    override async requireRoom(): Promise<void> {}

    override openWriter(): TargetWriter {
      return new DiscardWriter(super.openWriter(), this.#discarded);
    }

    override async *list(below: string): AsyncGenerator<StoredObject> {
      yield* super.list(below);
      for (const object of this.#discarded.list()) if (object.path.startsWith(`${below}/`)) yield object;
    }
  }
  return new DiscardTarget(directory);
}

class DiscardWriter implements TargetWriter {
  readonly #kept: TargetWriter;
  readonly #discarded: DiscardedObjects;

  constructor(kept: TargetWriter, discarded: DiscardedObjects) {
    this.#kept = kept;
    this.#discarded = discarded;
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return discardedObject(path) === undefined ? await this.#kept.read(path, maxBytes) : undefined;
  }

  batch(): TargetBatch {
    return new DiscardBatch(this.#kept.batch(), this.#discarded);
  }

  close(): Promise<void> {
    return this.#kept.close();
  }
}

class DiscardBatch implements TargetBatch {
  readonly #kept: TargetBatch;
  readonly #discarded: DiscardedObjects;
  #staged: DiscardedObject[] = [];

  constructor(kept: TargetBatch, discarded: DiscardedObjects) {
    this.#kept = kept;
    this.#discarded = discarded;
  }

  put(path: string, bytes: Uint8Array): void | Promise<void> {
    const object = discardedObject(path);
    if (object === undefined) return this.#kept.put(path, bytes);
    const least = leastBytes(object);
    if (bytes.length < least || (object.row === "level-0" && bytes.length > least)) {
      throw new Error(`${path} cannot have ${bytes.length} bytes`);
    }
    this.#staged.push(object);
  }

  keep(path: string, bytes: Uint8Array): Promise<void> {
    return this.#kept.keep(path, bytes);
  }

  /** Asks, as every batch does, whether the place is still this copy's; then what was thrown away is noted. */
  async commit(): Promise<void> {
    await this.#kept.commit();
    this.#discarded.add(this.#staged);
    this.#staged = [];
  }

  async abandon(): Promise<void> {
    this.#staged = [];
    await this.#kept.abandon();
  }
}
