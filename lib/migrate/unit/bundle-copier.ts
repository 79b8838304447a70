/**
 * What a worker does with a unit: fetch each bundle, authenticate it, store it with its level-0 tile, and make
 * the unit durable. Entry bytes never leave the thread.
 */

import pLimit, { type LimitFunction } from "p-limit";
import { maxBundleSize } from "../../tlog/bundle.ts";
import { FormatError } from "../../tlog/errors.ts";
import { hashBundle } from "../../tlog/hasher/hasher.ts";
import { bundlePath, type EntryBundleCoordinate, FULL_WIDTH, tilePath } from "../../tlog/layout.ts";
import { equalBytes, HASH_SIZE, hashAt } from "../../tlog/merkle.ts";
import { MAX_OBJECT_BYTES } from "../ports/source.ts";
import { type TargetBatch, type TargetWriter, WriteAgainError } from "../ports/target.ts";
import type { ByteBudget, Reservation } from "../read/byte-budget.ts";
import type { ReadContext } from "../read/context.ts";
import { readAuthentic } from "../read/retry.ts";
import { requireHash } from "../tree/tiled-tree.ts";
import type { WorkUnit } from "../tree/units.ts";
import type { UncoveredParts } from "./extra-data.ts";

/** Where level-0 tiles come from: derived from the bundles, or fetched as well and compared. */
export type TileOrigin = "derive" | "fetch";

export interface CopierOptions {
  readonly context: ReadContext;
  readonly writer: TargetWriter;
  readonly budget: ByteBudget;
  /** Bundles in flight in this thread. */
  readonly concurrency: number;
  readonly tiles: TileOrigin;
  /** Look in the target before asking the source: an earlier run was here. */
  readonly resume: boolean;
  /** What holds a Static CT bundle against the rules for what its leaf hashes do not cover. */
  readonly uncovered?: UncoveredParts | undefined;
}

/** A bundle that has been authenticated. */
interface AuthenticBundle {
  readonly bytes: Uint8Array;
  readonly leafHashes: Uint8Array;
}

/** A bundle to copy, and how its hashes are held against the tree. */
interface ExpectedBundle {
  readonly coordinate: EntryBundleCoordinate;
  /** Returns the leaf hashes. @throws FormatError unless the bytes are this bundle. */
  authenticate(bytes: Uint8Array): AuthenticBundle;
}

export class BundleCopier {
  readonly #options: CopierOptions;
  readonly #limit: LimitFunction;

  constructor(options: CopierOptions) {
    this.#options = options;
    this.#limit = pLimit(options.concurrency);
  }

  /** Copies a unit; when it resolves, everything of it is durable in the target. */
  async copy(unit: WorkUnit): Promise<void> {
    try {
      await this.#copyOnce(unit);
    } catch (error) {
      if (!(error instanceof WriteAgainError)) throw error;
      await this.#copyOnce(unit);
    }
  }

  async #copyOnce(unit: WorkUnit): Promise<void> {
    const batch = this.#options.writer.batch();
    try {
      const work = this.#expected(unit).map((bundle) => this.#limit(() => this.#copyBundle(bundle, batch)));
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

  #expected(unit: WorkUnit): ExpectedBundle[] {
    const { format } = this.#options.context.source;
    if (unit.kind === "edge") return [expectedEdge(unit.bundle, unit.leafHashes, format)];
    return Array.from({ length: unit.hashes.length / HASH_SIZE }, (_, i) =>
      expectedFull(unit.firstBundle + i, hashAt(unit.hashes, i), format),
    );
  }

  async #copyBundle(bundle: ExpectedBundle, batch: TargetBatch): Promise<void> {
    const { context, budget, resume, tiles } = this.#options;
    context.signal.throwIfAborted();
    const reservation = budget.reserve();
    try {
      const found = resume ? await this.#findInPlace(bundle, batch, reservation) : undefined;
      const { bytes, leafHashes } = found ?? (await this.#fetch(bundle, reservation));
      if (tiles === "fetch") await this.#compareTile(bundle.coordinate, leafHashes);
      if (found === undefined) await batch.put(bundlePath(context.source.format, bundle.coordinate), bytes);
      await this.#putTile(bundle.coordinate, leafHashes, batch);
      this.#count(bundle.coordinate, bytes, leafHashes, found !== undefined);
    } finally {
      reservation.release();
    }
  }

  async #fetch(bundle: ExpectedBundle, reservation: Reservation): Promise<AuthenticBundle> {
    const { context, uncovered } = this.#options;
    return await readAuthentic(
      context,
      bundlePath(context.source.format, bundle.coordinate),
      (hints) => context.source.entryBundle(bundle.coordinate, hints),
      uncovered === undefined ? bundle.authenticate : (bytes) => authenticateWhole(bundle, bytes, uncovered),
      reservation,
    );
  }

  /** The bundle as an earlier run left it, if it is there and right; what is not right is debris. */
  async #findInPlace(
    bundle: ExpectedBundle,
    batch: TargetBatch,
    reservation: Reservation,
  ): Promise<AuthenticBundle | undefined> {
    const { writer, context, uncovered } = this.#options;
    const { format } = context.source;
    const path = bundlePath(format, bundle.coordinate);
    const bytes = await writer.read(
      path,
      Math.min(maxBundleSize(format, bundle.coordinate.width), MAX_OBJECT_BYTES),
    );
    if (bytes === undefined) return undefined;
    await reservation.atLeast(bytes.length);
    const found = await authenticOrNothing(bundle, bytes, uncovered);
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

function expectedFull(index: number, expected: Uint8Array, format: "tiles" | "static-ct"): ExpectedBundle {
  return {
    coordinate: { index, width: FULL_WIDTH },
    authenticate(bytes) {
      const { leafHashes, root } = hashBundle(format, bytes, FULL_WIDTH);
      requireHash(root as Uint8Array, expected);
      return { bytes, leafHashes };
    },
  };
}

function expectedEdge(
  coordinate: EntryBundleCoordinate,
  expected: Uint8Array,
  format: "tiles" | "static-ct",
): ExpectedBundle {
  return {
    coordinate,
    authenticate(bytes) {
      const { leafHashes } = hashBundle(format, bytes, coordinate.width);
      if (!equalBytes(leafHashes, expected)) {
        throw new FormatError("does not hash to the level-0 tile that the tree commits to");
      }
      return { bytes, leafHashes };
    },
  };
}

/** Holds all of a bundle's bytes against the rules that they are under. */
async function authenticateWhole(
  bundle: ExpectedBundle,
  bytes: Uint8Array,
  uncovered: UncoveredParts | undefined,
): Promise<AuthenticBundle> {
  const found = bundle.authenticate(bytes);
  await uncovered?.check(bytes, bundle.coordinate);
  return found;
}

async function authenticOrNothing(
  bundle: ExpectedBundle,
  bytes: Uint8Array,
  uncovered: UncoveredParts | undefined,
): Promise<AuthenticBundle | undefined> {
  try {
    return await authenticateWhole(bundle, bytes, uncovered);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
