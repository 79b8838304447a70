/**
 * The tree of a checkpoint, authenticated from the root down. The right-edge partial tiles give the root
 * together; every other tile must fold to its hash in the tile above.
 */

import { FormatError } from "../../tlog/errors.ts";
import {
  FULL_WIDTH,
  fullTileCount,
  partialTileWidth,
  rightEdge,
  type TileCoordinate,
  tilePath,
} from "../../tlog/layout.ts";
import { equalBytes, foldTile, formatHash, HASH_SIZE, hashAt, rootFromRightEdge } from "../../tlog/merkle.ts";
import type {
  AuthenticRead,
  HashTree,
  LogSource,
  ReadHints,
  RightEdge,
  TileRecovery,
  TreeHead,
} from "../ports/source.ts";

/** Where tiles are read from. */
type TileSource = Pick<LogSource, "tile">;

/** The lowest level whose full tiles are kept in memory, not fetched each time: 60 of 8 KiB for a billion entries. */
const LOWEST_KEPT_LEVEL = 2;

/**
 * Reads the right edge and checks it against the root: one tile a level, at most 7.
 * @throws VerificationError if the source's right edge does not give the root.
 */
export async function openTiledTree(
  source: TileSource,
  head: TreeHead,
  read: AuthenticRead,
  recovery?: TileRecovery,
): Promise<HashTree> {
  const edge = await readAuthenticEdge(source, read, head).catch((failure) => {
    if (recovery === undefined) throw failure;
    return recovery.edge(failure, head);
  });
  /** Full tiles from LOWEST_KEPT_LEVEL up, by path; promises, so that no tile is fetched twice at the same time. */
  const kept = new Map<string, Promise<Uint8Array>>();
  /** The last tile that was read of the levels below: a copy that has read its first bundle continues there. */
  let last = "";

  const fetchFullTile = async (level: number, index: number): Promise<Uint8Array> => {
    const expected = await hashOf(level, index);
    const tile: TileCoordinate = { level, index, width: FULL_WIDTH };
    const readTile = (hints: ReadHints) => source.tile(tile, hints);
    const authenticate = (hashes: Uint8Array): Uint8Array => {
      requireHash(foldTile(hashes), expected);
      return hashes;
    };
    return await read(tilePath(tile), readTile, authenticate).catch((failure) => {
      if (recovery === undefined) throw failure;
      return recovery.fullTile(failure, level, index, expected);
    });
  };

  const fullTile = async (level: number, index: number): Promise<Uint8Array> => {
    const path = tilePath({ level, index, width: FULL_WIDTH });
    const tile = kept.get(path) ?? fetchFullTile(level, index);
    if (level < LOWEST_KEPT_LEVEL && path !== last) {
      kept.delete(last);
      last = path;
    }
    kept.set(path, tile);
    // A failure is not kept: what is asked for again may be there by then.
    tile.catch(() => {
      if (kept.get(path) === tile) kept.delete(path);
    });
    return await tile;
  };

  /** The hashes of a tile, full or partial, with its width in the tree. */
  const hashesOf = async (level: number, index: number): Promise<Uint8Array> => {
    const full = fullTileCount(head.size, level);
    if (index < full) return await fullTile(level, index);
    const hashes = edge[level];
    if (hashes !== undefined && index === full) return hashes;
    throw new Error(`the tree of size ${head.size} has no tile ${index} at level ${level}`);
  };

  const hashOf = async (level: number, index: number): Promise<Uint8Array> => {
    const parent = await hashesOf(level + 1, Math.floor(index / FULL_WIDTH));
    return hashAt(parent, index % FULL_WIDTH);
  };

  /** As in RFC 6962 section 2.1.2, but with authenticated tiles in place of a consistency proof. */
  const rootOfPrefix = async (size: number): Promise<Uint8Array> => {
    if (size > head.size) throw new Error(`size ${size} is not a prefix of size ${head.size}`);
    const prefixEdge: Uint8Array[] = [];
    for (const { level, index, width } of rightEdge(size)) {
      prefixEdge[level] = (await hashesOf(level, index)).subarray(0, width * HASH_SIZE);
    }
    return rootFromRightEdge(size, prefixEdge);
  };

  return { head, edge: (level) => edge[level], fullTile, hashOf, rootOfPrefix };
}

/** @throws FormatError unless bytes of another origin hash to the tree's hash. */
export function requireHash(found: Uint8Array, expected: Uint8Array): void {
  if (equalBytes(found, expected)) return;
  throw new FormatError("does not hash to what the tree commits to", formatHash(expected), formatHash(found));
}

/** The hashes of the partial tile of a level, which the tree must have. */
export function requireEdge(tree: HashTree, level: number): Uint8Array {
  const hashes = tree.edge(level);
  if (hashes?.length !== partialTileWidth(tree.head.size, level) * HASH_SIZE) {
    throw new Error(`the right edge of level ${level} has another width than the size requires`);
  }
  return hashes;
}

/** The partial tiles authenticate only together, so they are read, retried and reported together. */
async function readAuthenticEdge(
  source: TileSource,
  read: AuthenticRead,
  { size, rootHash }: TreeHead,
): Promise<RightEdge> {
  const tiles = rightEdge(size);
  const readTile = (tile: TileCoordinate, { fresh = false, fromFull = false }: ReadHints) =>
    read(
      tilePath(tile),
      async (given) => {
        const hints = { ...given, fresh: fresh || given.fresh === true };
        const full = fromFull ? await source.tile(tile, { ...hints, fromFull }) : undefined;
        // Only some of them may be wrong, and only some may have been replaced by full ones.
        return full ?? (await source.tile(tile, hints));
      },
      (bytes) => bytes,
    );
  const readAll = async (hints: ReadHints): Promise<Uint8Array> =>
    Buffer.concat(await Promise.all(tiles.map((tile) => readTile(tile, hints))));
  return await read(edgeName(size), readAll, (bytes) => {
    const edge: Uint8Array[] = [];
    let at = 0;
    for (const { level, width } of tiles) {
      edge[level] = bytes.subarray(at, at + width * HASH_SIZE);
      at += width * HASH_SIZE;
    }
    const found = rootFromRightEdge(size, edge);
    if (equalBytes(found, rootHash)) return edge;
    const problem = "the partial tiles of the right edge do not give the checkpoint's root";
    throw new FormatError(problem, formatHash(rootHash), formatHash(found));
  });
}

/** The name of a tree's right edge in messages. */
export function edgeName(size: number): string {
  return rightEdge(size).map(tilePath).join(" + ") || "the empty tree";
}
