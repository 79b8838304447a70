/**
 * How a unit is copied: fetch each bundle, authenticate it, store it with its level-0 tile, and make all of them
 * durable. Entry bytes never leave the thread.
 */

import pLimit, { type LimitFunction } from "p-limit";
import { maxBundleSize } from "../../tlog/bundle.ts";
import { FormatError } from "../../tlog/errors.ts";
import { bundlePath, type EntryBundleCoordinate, tilePath } from "../../tlog/layout.ts";
import { equalBytes } from "../../tlog/merkle.ts";
import { MAX_OBJECT_BYTES } from "../ports/source.ts";
import { type TargetBatch, type TargetWriter, WriteAgainError } from "../ports/target.ts";
import type { ByteBudget, Reservation } from "../read/byte-budget.ts";
import type { ReadContext } from "../read/context.ts";
import { readAuthentic } from "../read/retry.ts";
import { type AuthenticBundle, type ExpectedBundle, readBundle } from "./expected-bundle.ts";

/** Where level-0 tiles come from: derived from the bundles, or fetched as well and compared. */
export type TileOrigin = "derive" | "fetch";

/** How bundles are copied; plain data. */
export interface CopyTask {
  readonly tiles: TileOrigin;
  /** Look in the target before asking the source: an earlier run may have left objects there. */
  readonly resume: boolean;
}

export interface CopierOptions extends CopyTask {
  readonly context: ReadContext;
  readonly writer: TargetWriter;
  readonly budget: ByteBudget;
  /** Bundles in flight in this thread. */
  readonly concurrency: number;
}

export class BundleCopier {
  readonly #options: CopierOptions;
  readonly #limit: LimitFunction;

  constructor(options: CopierOptions) {
    this.#options = options;
    this.#limit = pLimit(options.concurrency);
  }

  /** Copies the bundles of a unit; when it resolves, they are durable in the target. */
  async copy(bundles: readonly ExpectedBundle[]): Promise<void> {
    try {
      await this.#copyOnce(bundles);
    } catch (error) {
      if (!(error instanceof WriteAgainError)) throw error;
      await this.#copyOnce(bundles);
    }
  }

  async #copyOnce(bundles: readonly ExpectedBundle[]): Promise<void> {
    const batch = this.#options.writer.batch();
    try {
      const work = bundles.map((bundle) => this.#limit(() => this.#copyBundle(bundle, batch)));
      // All must have ended before the batch is: a straggler would write into what was abandoned.
      for (const result of await Promise.allSettled(work)) {
        if (result.status === "rejected") throw result.reason;
      }
      await batch.commit();
    } catch (error) {
      await batch.abandon();
      throw error;
    }
  }

  async #copyBundle(bundle: ExpectedBundle, batch: TargetBatch): Promise<void> {
    const { context, budget, resume, tiles } = this.#options;
    context.signal.throwIfAborted();
    const reservation = budget.reserve();
    try {
      const found = resume ? await this.#findInPlace(bundle, batch, reservation) : undefined;
      const { bytes, leafHashes } = found ?? (await readBundle(context, bundle, reservation));
      if (tiles === "fetch") await this.#compareTile(bundle.coordinate, leafHashes);
      if (found === undefined) await batch.put(bundlePath(context.source.format, bundle.coordinate), bytes);
      await this.#putTile(bundle.coordinate, leafHashes, batch);
      this.#count(bundle.coordinate, bytes, leafHashes, found !== undefined);
    } finally {
      reservation.release();
    }
  }

  /** The bundle as an earlier run left it, if it is there and right; what is not right is leftover of a crash. */
  async #findInPlace(
    bundle: ExpectedBundle,
    batch: TargetBatch,
    reservation: Reservation,
  ): Promise<AuthenticBundle | undefined> {
    const { writer, context } = this.#options;
    const { format } = context.source;
    const path = bundlePath(format, bundle.coordinate);
    const maxBytes = Math.min(maxBundleSize(format, bundle.coordinate.width), MAX_OBJECT_BYTES);
    const bytes = await writer.read(path, maxBytes);
    if (bytes === undefined) return undefined;
    await reservation.atLeast(bytes.length);
    const found = await authenticOrNothing(bundle, bytes);
    if (found === undefined) context.counters.add("replacedObjects", 1);
    else await batch.keep(path, found.bytes);
    return found;
  }

  async #putTile(
    coordinate: EntryBundleCoordinate,
    leafHashes: Uint8Array,
    batch: TargetBatch,
  ): Promise<void> {
    const { resume, writer, context } = this.#options;
    const path = tilePath({ level: 0, ...coordinate });
    const found = resume ? await writer.read(path, leafHashes.length) : undefined;
    if (found !== undefined && equalBytes(found, leafHashes)) return await batch.keep(path, leafHashes);
    if (found !== undefined) context.counters.add("replacedObjects", 1);
    await batch.put(path, leafHashes);
  }

  /** Fetches a level-0 tile that is known already, to see that the source serves the same. */
  async #compareTile(coordinate: EntryBundleCoordinate, leafHashes: Uint8Array): Promise<void> {
    const { context } = this.#options;
    const tile = { level: 0, ...coordinate };
    const read = context.source.tile.bind(context.source, tile);
    await readAuthentic(context, tilePath(tile), read, (hashes) => {
      if (!equalBytes(hashes, leafHashes))
        throw new FormatError("is not the leaf hashes of its entry bundle");
    });
  }

  #count({ width }: EntryBundleCoordinate, bytes: Uint8Array, leafHashes: Uint8Array, found: boolean): void {
    const { counters } = this.#options.context;
    counters.add(found ? "resumedEntries" : "entries", width);
    if (!found) counters.add("bytesStored", bytes.length + leafHashes.length);
  }
}

async function authenticOrNothing(
  bundle: ExpectedBundle,
  bytes: Uint8Array,
): Promise<AuthenticBundle | undefined> {
  try {
    return await bundle.authenticate(bytes, false);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
