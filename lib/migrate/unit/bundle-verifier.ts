/**
 * How a unit is verified: recompute every leaf hash of each bundle, and check the bundle and its level-0 tile against
 * the tree. Nothing stops at the first fault: each becomes a finding.
 */

import { bundlePath, tilePath } from "../../tlog/layout.ts";
import { foldTile } from "../../tlog/merkle.ts";
import type { Finding } from "../ports/executor.ts";
import { readAuthentic } from "../read/retry.ts";
import { requireHash } from "../tree/tiled-tree.ts";
import { findings } from "../verify/findings.ts";
import { type BundleWork, type ExpectedBundle, readBundle } from "./expected-bundle.ts";

/** The faults of bundles and their tiles, in order. */
export async function verifyBundles(
  work: BundleWork,
  bundles: readonly ExpectedBundle[],
): Promise<Finding[]> {
  const verified = bundles.map((bundle) =>
    work.limit(() => Promise.all([verifyBundle(work, bundle), verifyTile(work, bundle)])),
  );
  return (await Promise.all(verified)).flat(2);
}

async function verifyBundle({ context, budget }: BundleWork, bundle: ExpectedBundle): Promise<Finding[]> {
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

async function verifyTile({ context }: BundleWork, { coordinate, hash }: ExpectedBundle): Promise<Finding[]> {
  // The level-0 tile of the right edge gave the root: it needs no second look.
  if (hash === undefined) return [];
  const tile = { level: 0, ...coordinate };
  const path = tilePath(tile);
  const read = context.source.tile.bind(context.source, tile);
  return await findings(path, () =>
    readAuthentic(context, path, read, (hashes) => requireHash(foldTile(hashes), hash)),
  );
}
