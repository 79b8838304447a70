/**
 * How a unit is verified: recompute every leaf hash of each bundle, and check the bundle and its level-0 tile against
 * the tree. Nothing stops at the first fault: each becomes a finding.
 */

import pLimit, { type LimitFunction } from "p-limit";
import { bundlePath, tilePath } from "../../tlog/layout.ts";
import { foldTile } from "../../tlog/merkle.ts";
import type { Finding } from "../ports/executor.ts";
import type { ByteBudget } from "../read/byte-budget.ts";
import type { ReadContext } from "../read/context.ts";
import { readAuthentic } from "../read/retry.ts";
import { requireHash } from "../tree/tiled-tree.ts";
import { findings } from "../verify/findings.ts";
import { type ExpectedBundle, readBundle } from "./expected-bundle.ts";

export interface VerifierOptions {
  readonly context: ReadContext;
  readonly budget: ByteBudget;
  /** Bundles in flight in this thread. */
  readonly concurrency: number;
}

export class BundleVerifier {
  readonly #options: VerifierOptions;
  readonly #limit: LimitFunction;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#limit = pLimit(options.concurrency);
  }

  /** The faults of bundles and their tiles, in order. */
  async verify(bundles: readonly ExpectedBundle[]): Promise<Finding[]> {
    const verified = bundles.map((bundle) =>
      this.#limit(() => Promise.all([this.#verifyBundle(bundle), this.#verifyTile(bundle)])),
    );
    return (await Promise.all(verified)).flat(2);
  }

  async #verifyBundle(bundle: ExpectedBundle): Promise<Finding[]> {
    const { context, budget } = this.#options;
    const reservation = budget.reserve();
    try {
      return await findings(bundlePath(context.source.format, bundle.coordinate), async () => {
        await readBundle(context, bundle, reservation);
        context.counters.add("entries", bundle.coordinate.width);
      });
    } finally {
      reservation.release();
    }
  }

  async #verifyTile({ coordinate, hash }: ExpectedBundle): Promise<Finding[]> {
    // The level-0 tile of the right edge gave the root: it needs no second look.
    if (hash === undefined) return [];
    const { context } = this.#options;
    const tile = { level: 0, ...coordinate };
    const path = tilePath(tile);
    return await findings(path, () =>
      readAuthentic(
        context,
        path,
        (hints) => context.source.tile(tile, hints),
        (hashes) => requireHash(foldTile(hashes), hash),
      ),
    );
  }
}
