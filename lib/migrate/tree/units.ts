/** What there is to copy, in units that are handed to workers. */

import { type EntryBundleCoordinate, FULL_WIDTH, fullTileCount, partialTile } from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";
import { type HashTree, requireEdge } from "./hash-tree.ts";

/** Full bundles in a row, below one level-1 tile, and the hash that each must fold to. */
export interface BundleRun {
  readonly kind: "run";
  readonly firstBundle: number;
  /** One hash of 32 bytes a bundle. */
  readonly hashes: Uint8Array;
}

/** The partial bundle at the right edge, and the leaf hashes that it must have. */
export interface EdgeBundle {
  readonly kind: "edge";
  readonly bundle: EntryBundleCoordinate;
  readonly leafHashes: Uint8Array;
}

export type WorkUnit = BundleRun | EdgeBundle;

/** Bundles in a unit, at most: enough to gather their fsyncs, few enough to keep all workers busy to the end. */
const MAX_UNIT_BUNDLES = 32;

/** Units that each worker should get at least, so that none idles while another has many left. */
const MIN_UNITS_A_WORKER = 4;

/** Level-1 tiles that are fetched ahead of the one whose bundles are being handed out. */
const TILES_AHEAD = 4;

/** How many bundles a unit of this tree has. */
export function unitBundles(size: number, workers: number): number {
  const bundles = fullTileCount(size, 0);
  return Math.max(1, Math.min(MAX_UNIT_BUNDLES, Math.ceil(bundles / (workers * MIN_UNITS_A_WORKER))));
}

/**
 * The units of a tree, from left to right. A level-1 tile whose index `isSealed` says is left out; the others
 * are announced by `onOpened` with their hashes before their first unit.
 */
export async function* planUnits(
  tree: HashTree,
  bundlesAUnit: number,
  isSealed: (index: number) => Promise<boolean>,
  onOpened: (index: number, hashes: Uint8Array) => void,
): AsyncGenerator<WorkUnit> {
  for await (const [index, hashes] of openTiles(tree, isSealed)) {
    onOpened(index, hashes);
    yield* runsBelow(index, hashes, bundlesAUnit);
  }
  const edge = partialTile(tree.head.size, 1);
  if (edge !== undefined) yield* runsBelow(edge.index, requireEdge(tree, 1), bundlesAUnit);
  const bundle = partialTile(tree.head.size, 0);
  if (bundle !== undefined) {
    const { index, width } = bundle;
    yield { kind: "edge", bundle: { index, width }, leafHashes: requireEdge(tree, 0) };
  }
}

/** The full level-1 tiles that are not sealed in the target, a few of them fetched ahead. */
async function* openTiles(
  tree: HashTree,
  isSealed: (index: number) => Promise<boolean>,
): AsyncGenerator<[index: number, hashes: Uint8Array]> {
  const count = fullTileCount(tree.head.size, 1);
  const ahead: Promise<[number, Uint8Array | undefined]>[] = [];
  const open = async (index: number): Promise<[number, Uint8Array | undefined]> => [
    index,
    (await isSealed(index)) ? undefined : await tree.fullTile(1, index),
  ];
  try {
    for (let next = 0; next < count || ahead.length > 0; ) {
      while (next < count && ahead.length < TILES_AHEAD) {
        const tile = open(next++);
        // Its failure is seen when its turn comes; until then it must not pass for one that nobody handles.
        tile.catch(() => {});
        ahead.push(tile);
      }
      const [index, hashes] = (await ahead.shift()) as [number, Uint8Array | undefined];
      if (hashes !== undefined) yield [index, hashes];
    }
  } finally {
    // A consumer that stops early leaves reads behind; their failures are nobody's any more.
    await Promise.allSettled(ahead);
  }
}

function* runsBelow(tileIndex: number, hashes: Uint8Array, bundlesAUnit: number): Generator<BundleRun> {
  for (let at = 0; at < hashes.length; at += bundlesAUnit * HASH_SIZE) {
    yield {
      kind: "run",
      firstBundle: tileIndex * FULL_WIDTH + at / HASH_SIZE,
      // A copy, since a view would take the whole tile along to the worker.
      hashes: Uint8Array.from(hashes.subarray(at, at + bundlesAUnit * HASH_SIZE)),
    };
  }
}

/** How many entries a unit covers. */
export function unitEntries(unit: WorkUnit): number {
  return unit.kind === "edge" ? unit.bundle.width : (unit.hashes.length / HASH_SIZE) * FULL_WIDTH;
}
