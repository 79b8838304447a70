/**
 * The tree of a checkpoint, authenticated from the root down. The right-edge partial tiles give the root
 * together; every other tile must fold to its hash in the tile above.
 */

import { FormatError } from "../../tlog/errors.ts";
import {
  FULL_WIDTH,
  fullTileCount,
  levelCount,
  partialTile,
  partialTileWidth,
  rightEdge,
  type TileCoordinate,
  tilePath,
} from "../../tlog/layout.ts";
import { equalBytes, foldTile, formatHash, HASH_SIZE, hashAt, rootFromRightEdge } from "../../tlog/merkle.ts";
import type { AuthenticRead, LogSource } from "../ports/source.ts";
import type { HashTree, TileRecovery, TreeHead } from "./hash-tree.ts";

/** What tiles are read from. */
type TileSource = Pick<LogSource, "tile">;

/** The lowest level whose full tiles are kept in memory: 60 tiles of 8 KiB for a billion entries. */
const LOWEST_KEPT_LEVEL = 2;

export class TiledTree implements HashTree {
  readonly head: TreeHead;
  readonly #source: TileSource;
  readonly #read: AuthenticRead;
  /** Hashes of the right-edge partial tiles, by level. */
  readonly #edge: readonly (Uint8Array | undefined)[];
  /** Full tiles from LOWEST_KEPT_LEVEL up, by path; promises, so that nothing is fetched twice at once. */
  readonly #kept = new Map<string, Promise<Uint8Array>>();

  readonly #recovery: TileRecovery | undefined;

  private constructor(
    source: TileSource,
    read: AuthenticRead,
    head: TreeHead,
    edge: readonly (Uint8Array | undefined)[],
    recovery: TileRecovery | undefined,
  ) {
    this.#source = source;
    this.#read = read;
    this.head = head;
    this.#edge = edge;
    this.#recovery = recovery;
  }

  /**
   * Reads the right edge and checks it against the root: one tile a level, at most 7.
   * @throws VerificationError if the source's right edge does not give the root.
   */
  static async authenticate(
    source: TileSource,
    head: TreeHead,
    read: AuthenticRead,
    recovery?: TileRecovery,
  ): Promise<TiledTree> {
    const reading = readAuthenticEdge(source, read, head);
    const edge = await (recovery === undefined
      ? reading
      : reading.catch((failure) => recovery.edge(failure, head)));
    return new TiledTree(source, read, head, edge, recovery);
  }

  /** The hashes of the partial tile of a level, undefined where the tree has none there. */
  edge(level: number): Uint8Array | undefined {
    return this.#edge[level];
  }

  /** The hashes of tile `index` of a level, full or partial, as wide as the tree has it. */
  async #hashes(level: number, index: number): Promise<Uint8Array> {
    if (index < fullTileCount(this.head.size, level)) return await this.fullTile(level, index);
    const edge = this.#edge[level];
    if (edge === undefined || index !== fullTileCount(this.head.size, level)) {
      throw new Error(`the tree of size ${this.head.size} has no tile ${index} at level ${level}`);
    }
    return edge;
  }

  /** The hash of a full tile in its parent. Cost: at most one tile a level above 1 is fetched. */
  async hashOf(level: number, index: number): Promise<Uint8Array> {
    const parent = await this.#hashes(level + 1, Math.floor(index / FULL_WIDTH));
    return hashAt(parent, index % FULL_WIDTH);
  }

  /** A full tile that folds to the hash above it. Tiles of levels 1 and 0 are fetched again at every call. */
  async fullTile(level: number, index: number): Promise<Uint8Array> {
    if (level < LOWEST_KEPT_LEVEL) return await this.#fetchFullTile(level, index);
    const path = tilePath({ level, index, width: FULL_WIDTH });
    let tile = this.#kept.get(path);
    if (tile === undefined) {
      tile = this.#fetchFullTile(level, index);
      this.#kept.set(path, tile);
    }
    return await tile;
  }

  /**
   * Root of the first `size` entries, derived from this tree's authenticated tiles: what an earlier checkpoint
   * of the same log must have had (RFC 6962 section 2.1.2, by tiles instead of by a proof).
   */
  async rootOfPrefix(size: number): Promise<Uint8Array> {
    if (size > this.head.size) throw new Error(`size ${size} is not a prefix of size ${this.head.size}`);
    const edge: (Uint8Array | undefined)[] = [];
    for (const { level, index, width } of rightEdge(size)) {
      edge[level] = (await this.#hashes(level, index)).subarray(0, width * HASH_SIZE);
    }
    return rootFromRightEdge(size, edge);
  }

  async #fetchFullTile(level: number, index: number): Promise<Uint8Array> {
    const expected = await this.hashOf(level, index);
    const tile: TileCoordinate = { level, index, width: FULL_WIDTH };
    const reading = this.#read(
      tilePath(tile),
      (hints) => this.#source.tile(tile, hints),
      (hashes) => {
        requireHash(foldTile(hashes), expected);
        return hashes;
      },
    );
    const recovery = this.#recovery;
    if (recovery === undefined) return await reading;
    return await reading.catch((failure) => recovery.fullTile(failure, level, index, expected));
  }
}

/** @throws FormatError unless bytes that came from elsewhere hash to what the tree says. */
export function requireHash(found: Uint8Array, expected: Uint8Array): void {
  if (equalBytes(found, expected)) return;
  throw new FormatError("does not hash to what the tree commits to", formatHash(expected), formatHash(found));
}

/** The partial tiles authenticate only together, so they are read, retried and named as one. */
async function readAuthenticEdge(
  source: TileSource,
  read: AuthenticRead,
  { size, rootHash }: TreeHead,
): Promise<(Uint8Array | undefined)[]> {
  const coordinates = rightEdge(size);
  const name = coordinates.length === 0 ? "the empty tree" : coordinates.map(tilePath).join(" + ");
  const readTile = (tile: TileCoordinate, fresh = false): Promise<Uint8Array> =>
    read(
      tilePath(tile),
      (hints) => source.tile(tile, { ...hints, fresh: fresh || hints.fresh === true }),
      (bytes) => bytes,
    );
  const readAll = async ({ fresh }: { fresh?: boolean }): Promise<Uint8Array> =>
    Buffer.concat(await Promise.all(coordinates.map((tile) => readTile(tile, fresh))));
  return await read(name, readAll, (bytes) => {
    const edge = splitEdge(size, bytes);
    const found = rootFromRightEdge(size, edge);
    if (!equalBytes(found, rootHash)) {
      const problem = "the partial tiles of the right edge do not give the checkpoint's root";
      throw new FormatError(problem, formatHash(rootHash), formatHash(found));
    }
    return edge;
  });
}

function splitEdge(size: number, bytes: Uint8Array): (Uint8Array | undefined)[] {
  const edge: (Uint8Array | undefined)[] = [];
  let at = 0;
  for (let level = 0; level < levelCount(size); level++) {
    const width = partialTile(size, level) === undefined ? 0 : partialTileWidth(size, level);
    if (width === 0) continue;
    edge[level] = bytes.subarray(at, at + width * HASH_SIZE);
    at += width * HASH_SIZE;
  }
  return edge;
}
