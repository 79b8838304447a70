/** The tree of a checkpoint as the engine uses it: everything that it returns is authenticated. */

import { partialTileWidth } from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";

/** Size and root of a tree. */
export interface TreeHead {
  readonly size: number;
  readonly rootHash: Uint8Array;
}

/**
 * The hashes of a tree by tile, whatever they are read from. Levels and indexes are those of tlog-tiles: hash i of
 * tile n at level L is the Merkle tree hash of the leaves [(n·256+i)·256^L, (n·256+i+1)·256^L).
 */
export interface HashTree {
  readonly head: TreeHead;
  /** The hashes of the partial tile of a level, undefined where the tree has none there. */
  edge(level: number): Uint8Array | undefined;
  /** The 256 hashes of a full tile. */
  fullTile(level: number, index: number): Promise<Uint8Array>;
  /** The hash of a full tile in its parent. */
  hashOf(level: number, index: number): Promise<Uint8Array>;
  /** The root of the first `size` entries: what an earlier checkpoint of the same log must have had. */
  rootOfPrefix(size: number): Promise<Uint8Array>;
}

/**
 * What to do where a tile is unavailable: a migration fails, `verify` notes it and recomputes the tile from what is
 * below. Given the failure; returns the tile's hashes, or throws.
 */
export interface TileRecovery {
  fullTile(failure: unknown, level: number, index: number, expected: Uint8Array): Promise<Uint8Array>;
  edge(failure: unknown, head: TreeHead): Promise<(Uint8Array | undefined)[]>;
}

/** The hashes of the partial tile of a level, which the tree must have. */
export function requireEdge(tree: HashTree, level: number): Uint8Array {
  const hashes = tree.edge(level);
  if (hashes?.length !== partialTileWidth(tree.head.size, level) * HASH_SIZE) {
    throw new Error(`the right edge of level ${level} has another width than the size asks for`);
  }
  return hashes;
}
