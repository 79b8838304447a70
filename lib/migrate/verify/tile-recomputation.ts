/**
 * How `verify` continues if a tile is wrong or missing: it reports the tile, and recomputes it from the level below
 * (not deeper: if whole levels are missing, nothing helps), so that one fault is one finding and all objects below are
 * verified.
 */

import pLimit from "p-limit";
import { VerificationError } from "../../errors.ts";
import { hashBundle } from "../../tlog/hasher/hasher.ts";
import { bundlePath, FULL_WIDTH, rightEdge, type TileCoordinate, tilePath } from "../../tlog/layout.ts";
import { equalBytes, foldTile, HASH_SIZE, rootFromRightEdge } from "../../tlog/merkle.ts";
import type { Finding } from "../ports/executor.ts";
import type { ReadHints, RightEdge, TileRecovery, TreeHead } from "../ports/source.ts";
import { readAuthentic } from "../read/authentic.ts";
import type { ReadContext } from "../read/context.ts";
import { unlessPruned } from "../read/pruned.ts";
import { edgeName } from "../tree/tiled-tree.ts";
import { faultOf } from "./findings.ts";

/** Number of children of a tile that are read at the same time. */
const CONCURRENCY = 8;

/** After this number of missing children of a tile, the others are not read. */
const MAX_UNREADABLE = 16;

/** The candidates for a tile of the right edge: the stored hashes, or those recomputed from below. */
export interface EdgeCandidate {
  readonly tile: TileCoordinate;
  readonly stored: Uint8Array | undefined;
  /** All candidates, right or not. */
  readonly choices: readonly Uint8Array[];
}

export class TileRecomputation implements TileRecovery {
  readonly #context: ReadContext;
  readonly #note: (finding: Finding) => void;

  /** @param note called with every tile that is wrong or missing. */
  constructor(context: ReadContext, note: (finding: Finding) => void) {
    // A tile that lacks one child usually lacks many: one that is missing at the first try is skipped.
    this.#context = { ...context, retry: { ...context.retry, contentAttempts: 0 } };
    this.#note = note;
  }

  /** The tile's hashes from below; zeros, which no tree commits to, for those that are unavailable. */
  async fullTile(failure: unknown, level: number, index: number, expected: Uint8Array): Promise<Uint8Array> {
    const { problem } = faultOf(failure).facts;
    const tile = { level, index, width: FULL_WIDTH };
    const hashes = await this.#recompute(tile);
    const isRight = equalBytes(foldTile(hashes), expected);
    const more = "; it cannot be recomputed from the level below it, which is wrong or missing too";
    this.#note({ path: tilePath(tile), problem: isRight ? problem : problem + more });
    return hashes;
  }

  /**
   * The one right edge that gives the root, each of its tiles as it is stored or as it is recomputed.
   * @throws VerificationError if there is none: then nothing authenticates what is below.
   */
  async edge(failure: unknown, head: TreeHead): Promise<RightEdge> {
    const { problem } = faultOf(failure).facts;
    const object = edgeName(head.size);
    const candidates = await this.edgeCandidates(head);
    const edge = edgeOfRoot(head, candidates);
    if (edge === undefined) {
      const further = `${problem}; the objects below do not give the root either`;
      throw new VerificationError({ object, problem: further });
    }
    const differing = candidates.filter(
      ({ tile, stored }) => stored === undefined || !equalBytes(stored, edge[tile.level] as Uint8Array),
    );
    if (differing.length === 0) this.#note({ path: object, problem });
    const differs = "is missing, or is not what the objects below it hash to";
    for (const { tile } of differing) this.#note({ path: tilePath(tile), problem: differs });
    return edge;
  }

  /** The candidates for each tile of the right edge. */
  edgeCandidates({ size }: TreeHead): Promise<EdgeCandidate[]> {
    return Promise.all(
      rightEdge(size).map(async (tile): Promise<EdgeCandidate> => {
        const [stored, recomputed] = await Promise.all([this.#tile(tile), this.#recompute(tile)]);
        return { tile, stored, choices: stored ? [stored, recomputed] : [recomputed] };
      }),
    );
  }

  /** A tile's hashes from what is stored below it, right or not; zeros where that cannot be read. */
  async #recompute({ level, index, width }: TileCoordinate): Promise<Uint8Array> {
    const hashes = Buffer.alloc(width * HASH_SIZE);
    if (level === 0) return (await this.#leafHashes(index, width)) ?? hashes;
    const limit = pLimit(CONCURRENCY);
    let unreadableLeft = MAX_UNREADABLE;
    const readChild = async (child: number): Promise<void> => {
      if (unreadableLeft <= 0) return;
      try {
        const hash = await this.#hashOf(level - 1, index * FULL_WIDTH + child);
        if (hash === undefined) unreadableLeft--;
        else hashes.set(hash, child * HASH_SIZE);
      } catch (error) {
        // The source cannot be read: the waiting reads need not try.
        unreadableLeft = 0;
        throw error;
      }
    };
    await Promise.all(Array.from({ length: width }, (_, child) => limit(readChild, child)));
    return hashes;
  }

  /** What a full tile folds to; a missing one of level 0 is made from its bundle. */
  async #hashOf(level: number, index: number): Promise<Uint8Array | undefined> {
    const stored = await this.#tile({ level, index, width: FULL_WIDTH });
    const hashes = stored ?? (level === 0 ? await this.#leafHashes(index, FULL_WIDTH) : undefined);
    return hashes && foldTile(hashes);
  }

  #tile(tile: TileCoordinate): Promise<Uint8Array | undefined> {
    const read = (hints: ReadHints) => this.#context.source.tile(tile, hints);
    return this.#readable(tilePath(tile), read, (hashes) => hashes);
  }

  #leafHashes(index: number, width: number): Promise<Uint8Array | undefined> {
    const { source } = this.#context;
    const path = bundlePath(source.format, { index, width });
    const read = (hints: ReadHints) => source.entryBundle({ index, width }, hints);
    return this.#readable(path, read, (bytes) => hashBundle(source.format, bytes, width).leafHashes);
  }

  /** An object that exists and has the right form; undefined otherwise. */
  async #readable(
    path: string,
    read: (hints: ReadHints) => Promise<Uint8Array | undefined>,
    hashesOf: (bytes: Uint8Array) => Uint8Array,
  ): Promise<Uint8Array | undefined> {
    try {
      return await unlessPruned(readAuthentic(this.#context, path, read, hashesOf));
    } catch (error) {
      faultOf(error);
      return undefined;
    }
  }
}

/** The only choice of candidates that gives the root: with two for each tile, at most 2^7 roots are tried. */
export function edgeOfRoot(
  { size, rootHash }: TreeHead,
  candidates: readonly Pick<EdgeCandidate, "tile" | "choices">[],
): RightEdge | undefined {
  const count = candidates.reduce((product, { choices }) => product * choices.length, 1);
  for (let choice = 0; choice < count; choice++) {
    const edge: Uint8Array[] = [];
    let rest = choice;
    for (const { tile, choices } of candidates) {
      edge[tile.level] = choices[rest % choices.length] as Uint8Array;
      rest = Math.floor(rest / choices.length);
    }
    if (equalBytes(rootFromRightEdge(size, edge), rootHash)) return edge;
  }
  return undefined;
}
