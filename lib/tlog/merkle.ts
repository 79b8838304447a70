/**
 * The Merkle mathematics of RFC 6962 section 2.1 over tiles (https://c2sp.org/tlog-tiles#merkle-tree).
 * A list of hashes is one Uint8Array of 32 bytes each, as a tile stores it.
 */

import { hash } from "node:crypto";
import { FULL_WIDTH, levelCount, partialTileWidth } from "./layout.ts";

export const HASH_SIZE = 32;

/** Root of the tree with no entries: SHA-256 of the empty string (RFC 6962 section 2.1). */
export const EMPTY_ROOT: Uint8Array = hash("sha256", "", "buffer");

const NODE_PREFIX = 0x01;

/** Node hash: SHA-256(0x01 || left || right), of two 32-byte hashes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash("sha256", Buffer.concat([Buffer.of(NODE_PREFIX), left, right]), "buffer");
}

/** Hash `position` of a list of hashes, as a view on it. */
export function hashAt(hashes: Uint8Array, position: number): Uint8Array {
  return hashes.subarray(position * HASH_SIZE, (position + 1) * HASH_SIZE);
}

/**
 * The Merkle tree hash of `count` hashes, a power of two, from `first` on: count - 1 node hashes. For the 256
 * hashes of a full tile it is the tile's hash in its parent.
 */
export function foldPerfect(hashes: Uint8Array, first: number, count: number): Uint8Array {
  if (count < 1 || (count & (count - 1)) !== 0)
    throw new Error("only a power of two folds to a perfect tree");
  if ((first + count) * HASH_SIZE > hashes.length) throw new Error("fold reaches beyond the list of hashes");
  if (count === 1) return Uint8Array.from(hashAt(hashes, first));
  for (let pair = 0; pair < count / 2; pair++) {
    const from = (first + 2 * pair) * HASH_SIZE;
    foldScratch.set(hashes.subarray(from, from + 2 * HASH_SIZE), pair * PAIR_STRIDE + 1);
  }
  for (let pairs = count / 2; pairs > 1; pairs /= 2) {
    for (let pair = 0; pair < pairs; pair++) {
      const target = (pair >> 1) * PAIR_STRIDE + 1 + (pair & 1) * HASH_SIZE;
      writeSha256(pairViews[pair] as Uint8Array, foldScratch, target);
    }
  }
  return hash("sha256", pairViews[0] as Uint8Array, "buffer");
}

/**
 * Writes SHA-256(input) to `target` at `offset`. The digest travels as a Latin-1 string, one character a byte:
 * measured, that takes 0.35 µs for a node where a Buffer for each digest takes 0.85 µs.
 */
export function writeSha256(input: Uint8Array, target: Buffer, offset: number): void {
  target.write(hash("sha256", input, "latin1"), offset, HASH_SIZE, "latin1");
}

// The scratch of foldPerfect holds the byte 0x01 before every pair of hashes, so that each node hash reads 65
// bytes in place; the result of a pair is written at or before the pair itself. Each thread has one, and folding
// never awaits.
const PAIR_STRIDE = 1 + 2 * HASH_SIZE;
const foldScratch = Buffer.alloc((FULL_WIDTH / 2) * PAIR_STRIDE);
for (let pair = 0; pair < FULL_WIDTH / 2; pair++) foldScratch[pair * PAIR_STRIDE] = NODE_PREFIX;
const pairViews = Array.from({ length: FULL_WIDTH / 2 }, (_, pair) =>
  foldScratch.subarray(pair * PAIR_STRIDE, (pair + 1) * PAIR_STRIDE),
);

/** The hash of a full tile in its parent tile: 255 node hashes. */
export function foldTile(hashes: Uint8Array): Uint8Array {
  if (hashes.length !== FULL_WIDTH * HASH_SIZE)
    throw new Error("only a full tile folds to a hash of its parent");
  return foldPerfect(hashes, 0, FULL_WIDTH);
}

/**
 * Root of the tree of `size` entries from its right-edge partial tiles, `edge[level]` being the hashes of the
 * partial tile of that level (ignored where the tree has none there). Each width splits into its binary powers
 * of two, highest level first, which gives the peaks of the tree; they fold right to left (RFC 6962 section
 * 2.1: the left subtree is the largest power of two smaller than the size). At most 255 node hashes a level.
 */
export function rootFromRightEdge(size: number, edge: readonly (Uint8Array | undefined)[]): Uint8Array {
  if (size === 0) return Uint8Array.from(EMPTY_ROOT);
  const peaks: Uint8Array[] = [];
  for (let level = levelCount(size) - 1; level >= 0; level--) {
    const width = partialTileWidth(size, level);
    if (width === 0) continue;
    const hashes = edge[level];
    if (hashes?.length !== width * HASH_SIZE) {
      throw new Error(`the right edge lacks its partial tile of level ${level}`);
    }
    let first = 0;
    for (let power = FULL_WIDTH / 2; power >= 1; power >>= 1) {
      if ((width & power) === 0) continue;
      peaks.push(foldPerfect(hashes, first, power));
      first += power;
    }
  }
  return peaks.reduceRight((right, left) => nodeHash(left, right));
}

/** Whether two hashes (or any two byte strings) are the same. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Measured: below this, a loop is faster than a call of `Buffer.compare`. */
const LOOP_LENGTH = 80;

/** Whether `length` bytes are the same at the offsets `a` and `b`. */
export function equalRanges(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  if (length > LOOP_LENGTH)
    return Buffer.prototype.compare.call(bytes, bytes, a, a + length, b, b + length) === 0;
  for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

/** A hash as checkpoints print it: standard base64. */
export function formatHash(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
}
