/**
 * How `verify` goes on where a tile is bad or missing: it notes that, and recomputes the tile from the tiles
 * below, so that one fault is told as one fault and what is below it is still verified.
 */

import { FormatError, LogFailure, OperationFailure } from "../tlog/errors.ts";
import { hashBundle } from "../tlog/hasher.ts";
import { FULL_WIDTH, rightEdge, type TileCoordinate, tilePath } from "../tlog/layout.ts";
import { equalBytes, foldTile, HASH_SIZE, rootFromRightEdge } from "../tlog/merkle.ts";
import type { Finding } from "./bundle-verifier.ts";
import type { ReadContext } from "./read-context.ts";
import { readAuthentic } from "./retry.ts";
import type { TileRecovery, TreeHead } from "./tree.ts";

export class TileRecomputation implements TileRecovery {
  readonly #context: ReadContext;
  readonly #note: (finding: Finding) => void;

  /** @param note is told every tile that is bad or missing. */
  constructor(context: ReadContext, note: (finding: Finding) => void) {
    this.#context = context;
    this.#note = note;
  }

  async fullTile(failure: unknown, level: number, index: number, expected: Uint8Array): Promise<Uint8Array> {
    const tile = { level, index, width: FULL_WIDTH };
    this.#note({ path: tilePath(tile), problem: problemOf(failure) });
    const hashes = await this.#recompute(tile);
    if (!equalBytes(foldTile(hashes), expected)) {
      this.#note({
        path: tilePath(tile),
        problem: "cannot be recomputed from the objects below it either: some of them are wrong too",
      });
    }
    return hashes;
  }

  async edge(failure: unknown, head: TreeHead): Promise<(Uint8Array | undefined)[]> {
    const problem = problemOf(failure);
    const edge: (Uint8Array | undefined)[] = [];
    const differing: TileCoordinate[] = [];
    for (const tile of rightEdge(head.size)) {
      const recomputed = await this.#recompute(tile);
      const stored = await this.#read(tile);
      edge[tile.level] = recomputed;
      if (stored === undefined || !equalBytes(stored, recomputed)) differing.push(tile);
    }
    if (!equalBytes(rootFromRightEdge(head.size, edge), head.rootHash) || differing.length === 0) {
      this.#note({ path: rightEdge(head.size).map(tilePath).join(" + "), problem });
      return edge;
    }
    for (const tile of differing) {
      this.#note({
        path: tilePath(tile),
        problem: "is missing, or is not what the objects below it hash to",
      });
    }
    return edge;
  }

  /** A tile's hashes from what is stored below it, whether that is right or not. */
  async #recompute({ level, index, width }: TileCoordinate): Promise<Uint8Array> {
    if (level === 0) return await this.#leafHashes(index, width);
    const hashes = Buffer.alloc(width * HASH_SIZE);
    for (let child = 0; child < width; child++) {
      const below = { level: level - 1, index: index * FULL_WIDTH + child, width: FULL_WIDTH };
      const stored = await this.#read(below);
      hashes.set(foldTile(stored ?? (await this.#recompute(below))), child * HASH_SIZE);
    }
    return hashes;
  }

  /** The leaf hashes of a bundle; zeros, which no tree commits to, where it cannot be hashed. */
  async #leafHashes(index: number, width: number): Promise<Uint8Array> {
    const { source } = this.#context;
    try {
      return await readAuthentic(
        this.#context,
        `bundle ${index}`,
        (hints) => source.entryBundle({ index, width }, hints),
        (bytes) => hashBundle(source.format, bytes, width).leafHashes,
      );
    } catch (error) {
      rethrowUnlessFault(error);
      return Buffer.alloc(width * HASH_SIZE);
    }
  }

  async #read(tile: TileCoordinate): Promise<Uint8Array | undefined> {
    try {
      return await this.#context.source.tile(tile, { signal: this.#context.signal });
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
  }
}

function problemOf(failure: unknown): string {
  rethrowUnlessFault(failure);
  return failure instanceof LogFailure ? failure.facts.problem : String(failure);
}

/** A source that cannot be read says nothing about the log. */
function rethrowUnlessFault(error: unknown): void {
  if (!(error instanceof LogFailure) || error instanceof OperationFailure) throw error;
}
