/**
 * What a worker does with a unit of `verify`: recompute every leaf hash of each bundle, and hold the bundle and
 * its level-0 tile against the tree. Nothing stops at the first fault: each becomes a finding.
 */

import pLimit, { type LimitFunction } from "p-limit";
import { LogError, OperationError } from "../../errors.ts";
import { FormatError } from "../../tlog/errors.ts";
import { type BundleHashes, hashBundle } from "../../tlog/hasher/hasher.ts";
import { bundlePath, type EntryBundleCoordinate, FULL_WIDTH, tilePath } from "../../tlog/layout.ts";
import { equalBytes, foldTile, HASH_SIZE, hashAt } from "../../tlog/merkle.ts";
import type { ByteBudget } from "../read/byte-budget.ts";
import type { ReadContext } from "../read/context.ts";
import { readAuthentic } from "../read/retry.ts";
import { requireHash } from "../tree/tiled-tree.ts";
import type { WorkUnit } from "../tree/units.ts";
import type { UncoveredParts } from "./extra-data.ts";

/** An object that is not what the tree commits to, or that is not there. */
export interface Finding {
  readonly path: string;
  readonly problem: string;
}

export interface VerifierOptions {
  readonly context: ReadContext;
  readonly budget: ByteBudget;
  /** Bundles in flight in this thread. */
  readonly concurrency: number;
  /** What holds a Static CT bundle against the rules for what its leaf hashes do not cover. */
  readonly uncovered?: UncoveredParts | undefined;
}

export class BundleVerifier {
  readonly #options: VerifierOptions;
  readonly #limit: LimitFunction;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#limit = pLimit(options.concurrency);
  }

  /** The faults of a unit, in order. */
  async verify(unit: WorkUnit): Promise<Finding[]> {
    const bundles: Promise<Finding[]>[] = [];
    if (unit.kind === "edge") {
      bundles.push(this.#limit(() => this.#verifyEdge(unit.bundle, unit.leafHashes)));
    } else {
      for (let i = 0; i < unit.hashes.length / HASH_SIZE; i++) {
        bundles.push(this.#limit(() => this.#verifyFull(unit.firstBundle + i, hashAt(unit.hashes, i))));
      }
    }
    return (await Promise.all(bundles)).flat();
  }

  async #verifyFull(index: number, expected: Uint8Array): Promise<Finding[]> {
    const coordinate = { index, width: FULL_WIDTH };
    const [bundle, tile] = await Promise.all([
      this.#readBundle(coordinate, ({ root }) => requireHash(root as Uint8Array, expected)),
      this.#readTile(coordinate, (hashes) => requireHash(foldTile(hashes), expected)),
    ]);
    return [...bundle, ...tile];
  }

  async #verifyEdge(coordinate: EntryBundleCoordinate, expected: Uint8Array): Promise<Finding[]> {
    const requireEqual = (hashes: Uint8Array) => {
      if (!equalBytes(hashes, expected)) throw new FormatError("does not hash to what the tree commits to");
    };
    // The level-0 tile of the right edge gave the root: it needs no second look.
    return await this.#readBundle(coordinate, ({ leafHashes }) => requireEqual(leafHashes));
  }

  async #readBundle(
    coordinate: EntryBundleCoordinate,
    authenticate: (hashes: BundleHashes) => void,
  ): Promise<Finding[]> {
    const { context, budget, uncovered } = this.#options;
    const { source, counters } = context;
    const path = bundlePath(source.format, coordinate);
    const reservation = budget.reserve();
    try {
      return await findings(path, async () => {
        await readAuthentic(
          context,
          path,
          (hints) => source.entryBundle(coordinate, hints),
          (bytes) => {
            authenticate(hashBundle(source.format, bytes, coordinate.width));
            return uncovered?.check(bytes, coordinate);
          },
          reservation,
        );
        counters.add("entries", coordinate.width);
      });
    } finally {
      reservation.release();
    }
  }

  async #readTile(
    coordinate: EntryBundleCoordinate,
    authenticate: (hashes: Uint8Array) => void,
  ): Promise<Finding[]> {
    const { context } = this.#options;
    const tile = { level: 0, ...coordinate };
    const path = tilePath(tile);
    return await findings(path, () =>
      readAuthentic(context, path, (hints) => context.source.tile(tile, hints), authenticate),
    );
  }
}

/** Runs a check of one object: a fault becomes a finding, a source that cannot be read stays a failure. */
export async function findings(path: string, check: () => Promise<unknown>): Promise<Finding[]> {
  try {
    await check();
    return [];
  } catch (error) {
    if (!(error instanceof LogError) || error instanceof OperationError) throw error;
    const { problem, expected, found } = error.facts;
    const comparison = expected === undefined ? "" : ` (expected ${expected}, found ${found ?? "nothing"})`;
    return [{ path, problem: `${problem}${comparison}` }];
  }
}
