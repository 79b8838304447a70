/**
 * The entries of a generated log: made from a seed and an index alone, so that entry 7 is the same in a log of
 * ten entries and in one of ten million.
 */

import { createCipheriv, hash } from "node:crypto";

/** Writes the entries of one log, as a bundle has them. */
export interface EntryWriter {
  readonly maxEntrySize: number;
  /** Writes entry `index` into `target` at `offset` and returns where it ends. */
  writeEntry(index: number, target: Buffer, offset: number): number;
}

const POOL_SIZE = 1 << 20;
const LENGTH_SIZE = 2;
const MAX_UINT16 = 0xffff;
const UINT32 = 2 ** 32;

/** Random bytes that entries are cut from, so that making an entry costs one copy. */
export interface RandomPool {
  readonly bytes: Buffer;
  /** Where entry `index` cuts its `length` bytes. */
  offsetOf(index: number, length: number): number;
}

/** The pool that a seed always gives: AES-256-CTR of zeros under the seed's hash. */
export function randomPool(seed: string): RandomPool {
  const cipher = createCipheriv("aes-256-ctr", hash("sha256", seed, "buffer"), Buffer.alloc(16));
  const bytes = cipher.update(Buffer.alloc(POOL_SIZE));
  return {
    bytes,
    // A prime stride longer than gzip's window: neighbours share no bytes.
    offsetOf: (index, length) => (index * 40_009) % (POOL_SIZE - length),
  };
}

/** Bytes of an entry: the same for all, or for each any number in a range, both ends included. */
export type EntrySize = number | { readonly min: number; readonly max: number };

/**
 * Entries of a tlog-tiles log: random bytes, the first eight replaced by the index so that no two entries are
 * alike (shorter entries carry its last bytes). In a range, every size is as likely as any other.
 */
export function tilesEntries(seed: string, entrySize: EntrySize): EntryWriter {
  const { min, max } = typeof entrySize === "number" ? { min: entrySize, max: entrySize } : entrySize;
  for (const size of [min, max]) requireEntrySize(size);
  if (min > max) throw new RangeError(`no size is from ${min} to ${max}`);
  const pool = randomPool(seed);
  const sizeOf =
    min === max ? () => min : (index: number) => min + (randomNumber(pool, index) % (max - min + 1));
  const stamp = Buffer.alloc(8);
  return {
    maxEntrySize: LENGTH_SIZE + max,
    writeEntry(index, target, offset) {
      const start = offset + LENGTH_SIZE;
      const size = sizeOf(index);
      const from = pool.offsetOf(index, size);
      target.writeUInt16BE(size, offset);
      pool.bytes.copy(target, start, from, from + size);
      stamp.writeUInt32BE(Math.floor(index / UINT32), 0);
      stamp.writeUInt32BE(index % UINT32, 4);
      stamp.copy(target, start, stamp.length - Math.min(stamp.length, size));
      return start + size;
    },
  };
}

/** A number of 32 bits that belongs to an index. */
function randomNumber(pool: RandomPool, index: number): number {
  return pool.bytes.readUInt32LE(pool.offsetOf(index, Uint32Array.BYTES_PER_ELEMENT));
}

function requireEntrySize(size: number): void {
  if (Number.isInteger(size) && size >= 0 && size <= MAX_UINT16) return;
  throw new RangeError(`an entry has 0 to ${MAX_UINT16} bytes, not ${size}`);
}
