/** Divides a tree into units of work for workers. */

import {
  ENTRIES_PER_SEAL,
  type EntryBundleCoordinate,
  FULL_WIDTH,
  fullTileCount,
  partialTile,
} from "../../tlog/layout.ts";
import { formatHash, HASH_SIZE, hashAt } from "../../tlog/merkle.ts";
import type { BundleRun, WorkUnit } from "../ports/executor.ts";
import type { HashTree } from "../ports/source.ts";
import { unlessPruned } from "../read/pruned.ts";
import type { Seals } from "../target/seals.ts";
import { requireEdge } from "./tiled-tree.ts";

/** Most bundles in a unit: enough to combine their fsyncs, few enough to keep all workers busy to the end. */
const MAX_UNIT_BUNDLES = 32;

/** Least number of units for each worker, so that none is idle while another has many left. */
const MIN_UNITS_A_WORKER = 4;

/** Number of level-1 tiles that are fetched in advance. */
const TILES_AHEAD = 4;

/** The number of bundles in a unit of this tree. */
export function unitBundles(size: number, workers: number): number {
  const bundles = fullTileCount(size, 0);
  return Math.max(1, Math.min(MAX_UNIT_BUNDLES, Math.ceil(bundles / (workers * MIN_UNITS_A_WORKER))));
}

/**
 * The units of a tree, from left to right.
 * @param done entries that are in place: full bundles of them are left out.
 * @param seals bundles below them are skipped; `seals` is notified of each tile to be sealed before its first unit.
 * @param pruned called with the number of entries below each level-1 tile that the log lacks, and its index: without
 * the tile, nothing authenticates them.
 */
export async function* planUnits(
  tree: HashTree,
  bundlesAUnit: number,
  seals?: Pick<Seals, "isSealed" | "open">,
  pruned: (entries: number, index: number) => void = () => {},
  done = 0,
): AsyncGenerator<WorkUnit> {
  const firstBundle = fullTileCount(done, 0);
  const open = indexes(fullTileCount(done, 1), fullTileCount(tree.head.size, 1));
  for await (const [index, hashes] of openTiles(tree, seals, pruned, open)) {
    const before = Math.max(0, firstBundle - index * FULL_WIDTH);
    seals?.open(index, hashes, before);
    yield* runsBelow(index, hashes, bundlesAUnit, before);
  }
  const edge = partialTile(tree.head.size, 1);
  if (edge !== undefined) {
    const before = Math.max(0, firstBundle - edge.index * FULL_WIDTH);
    yield* runsBelow(edge.index, requireEdge(tree, 1), bundlesAUnit, before);
  }
  const bundle = partialTile(tree.head.size, 0);
  if (bundle !== undefined) {
    const { index, width } = bundle;
    yield await unitOf(tree, { index, width });
  }
}

/**
 * The units below some full level-1 tiles of a tree, by their indexes; otherwise as `planUnits`.
 * @param areLikelyNew see `BundleRun`.
 */
export async function* planPart(
  tree: HashTree,
  tiles: Iterable<number>,
  bundlesAUnit: number,
  seals: Pick<Seals, "isSealed" | "open">,
  pruned: (entries: number, index: number) => void,
  areLikelyNew: boolean,
): AsyncGenerator<WorkUnit> {
  for await (const [index, hashes] of openTiles(tree, seals, pruned, tiles)) {
    seals.open(index, hashes);
    for (const run of runsBelow(index, hashes, bundlesAUnit, 0))
      yield areLikelyNew ? { ...run, isLikelyNew: true } : run;
  }
}

function* indexes(first: number, end: number): Generator<number> {
  for (let index = first; index < end; index++) yield index;
}

/** One bundle of a tree as a unit. */
export async function unitOf(tree: HashTree, bundle: EntryBundleCoordinate): Promise<WorkUnit> {
  const { index, width } = bundle;
  if (width < FULL_WIDTH) return { kind: "edge", bundle, leafHashes: formatHash(requireEdge(tree, 0)) };
  return { kind: "run", firstBundle: index, hashes: [formatHash(await tree.hashOf(0, index))] };
}

/** Those of some full level-1 tiles that are not sealed in the target, a few of them fetched in advance. */
async function* openTiles(
  tree: HashTree,
  seals: Pick<Seals, "isSealed"> | undefined,
  pruned: (entries: number, index: number) => void,
  tiles: Iterable<number>,
): AsyncGenerator<[index: number, hashes: Uint8Array]> {
  const ahead: { readonly index: number; readonly hashes: Promise<Uint8Array | undefined> }[] = [];
  const open = async (index: number): Promise<Uint8Array | undefined> => {
    if (await seals?.isSealed(index)) return undefined;
    const hashes = await unlessPruned(tree.fullTile(1, index));
    if (hashes === undefined) pruned(ENTRIES_PER_SEAL, index);
    return hashes;
  };
  const left = tiles[Symbol.iterator]();
  const fill = (): void => {
    while (ahead.length < TILES_AHEAD) {
      const { done, value: index } = left.next();
      if (done === true) return;
      const hashes = open(index);
      // Its failure is handled in its turn; until then Node must not report it as an unhandled rejection.
      hashes.catch(() => {});
      ahead.push({ index, hashes });
    }
  };
  try {
    for (fill(); ahead[0] !== undefined; fill()) {
      const { index } = ahead[0];
      const hashes = await ahead[0].hashes;
      ahead.shift();
      if (hashes !== undefined) yield [index, hashes];
    }
  } finally {
    // If the consumer stops early, the failures of the remaining reads are ignored.
    await Promise.allSettled(ahead.map(({ hashes }) => hashes));
  }
}

/** @param before bundles of the tile that are left out. */
function* runsBelow(
  tileIndex: number,
  tile: Uint8Array,
  bundlesAUnit: number,
  before: number,
): Generator<BundleRun> {
  const hashes = Array.from({ length: tile.length / HASH_SIZE }, (_, i) => formatHash(hashAt(tile, i)));
  for (let at = before; at < hashes.length; at += bundlesAUnit) {
    const firstBundle = tileIndex * FULL_WIDTH + at;
    yield { kind: "run", firstBundle, hashes: hashes.slice(at, at + bundlesAUnit) };
  }
}
