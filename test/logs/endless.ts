/**
 * A log of any size that takes no space: every entry has the same bytes, so all full tiles of a level are alike,
 * and so are all full bundles. The tree is as real as any other.
 */

import { minBundleSize } from "../../lib/tlog/bundle.ts";
import { hashBundle } from "../../lib/tlog/hasher/hasher.ts";
import {
  bundlePath,
  CHECKPOINT_PATH,
  FULL_WIDTH,
  levelCount,
  parseResourcePath,
  rightEdge,
  tilePath,
  tileWidth,
} from "../../lib/tlog/layout.ts";
import { foldTile, HASH_SIZE, rootFromRightEdge } from "../../lib/tlog/merkle.ts";
import { tilesEntries } from "./entries.ts";
import { logKeys } from "./log-keys.ts";
import { tilesOf } from "./tiles.ts";

export interface EndlessLogOptions {
  readonly size: number;
  readonly entrySize: number;
}

const SEED = "endless";
const ORIGIN = "log.example/endless";

/** Objects of a tlog-tiles log, as a real one of this size has them: of partial ones the right edge alone. */
export class EndlessLog {
  readonly origin = ORIGIN;
  readonly vkey: string;
  readonly size: number;
  readonly rootHash: Uint8Array;
  /** Full tiles by level, and the right edge by level. */
  readonly #full: readonly Uint8Array[];
  readonly #edge: readonly (Uint8Array | undefined)[];
  readonly #bundle: Uint8Array;
  readonly #partialBundle: Uint8Array;
  readonly #checkpoint: Uint8Array;

  constructor({ size, entrySize }: EndlessLogOptions) {
    const entry = firstEntry(entrySize);
    const hashes = levelHashes(hashBundle("tiles", entry, 1).leafHashes, levelCount(size));
    const edge: Uint8Array[] = [];
    for (const { level, width } of rightEdge(size))
      edge[level] = repeated(hashes[level] as Uint8Array, width);
    const { vkey, signCheckpoint } = logKeys(ORIGIN, SEED, "tiles");
    this.vkey = vkey;
    this.size = size;
    this.rootHash = rootFromRightEdge(size, edge);
    this.#full = hashes.map((hash) => repeated(hash, FULL_WIDTH));
    this.#edge = edge;
    this.#bundle = repeated(entry, FULL_WIDTH);
    this.#partialBundle = repeated(entry, size % FULL_WIDTH);
    this.#checkpoint = signCheckpoint(size, this.rootHash);
  }

  /** The object at a path, undefined if such a log has none. The same bytes for every path of one kind. */
  object(path: string): Uint8Array | undefined {
    if (path === CHECKPOINT_PATH) return this.#checkpoint;
    const resource = parseResourcePath(path);
    if (resource === undefined) return undefined;
    const level = resource.kind === "tile" ? resource.tile.level : 0;
    const { index, width } = resource.kind === "tile" ? resource.tile : resource.bundle;
    if (tileWidth(this.size, level, index) !== width) return undefined;
    const isFull = width === FULL_WIDTH;
    if (resource.kind === "tile") return (isFull ? this.#full : this.#edge)[level];
    if (resource.format !== "tiles") return undefined;
    return isFull ? this.#bundle : this.#partialBundle;
  }
}

/** Entry 0 as a bundle has it, which is every entry. */
function firstEntry(entrySize: number): Buffer {
  const entries = tilesEntries(SEED, entrySize);
  const bytes = Buffer.alloc(entries.maxEntrySize);
  return bytes.subarray(0, entries.writeEntry(0, bytes, 0));
}

/** The one hash that every tile of a level has, lowest level first. */
function levelHashes(leaf: Uint8Array, levels: number): Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (let hash = leaf; hashes.length < levels; hash = foldTile(repeated(hash, FULL_WIDTH)))
    hashes.push(hash);
  return hashes;
}

function repeated(bytes: Uint8Array, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => bytes));
}

const BULK = /^tile\/(?:entries\/|0\/(?!.*\.p\/))/;

/** Whether an object is an entry bundle or a full level-0 tile: nearly all of a log, and nothing that is read back. */
export function isBulk(path: string): boolean {
  return BULK.test(path);
}

/** The bundles and full level-0 tiles of a log of this size; of bundles, which differ, with the least bytes. */
export function* listBulk(size: number): Generator<{ readonly path: string; readonly bytes: number }> {
  for (const { index, width } of tilesOf(size, 0)) {
    yield { path: bundlePath("tiles", { index, width }), bytes: minBundleSize("tiles", width) };
    if (width < FULL_WIDTH) return;
    yield { path: tilePath({ level: 0, index, width }), bytes: width * HASH_SIZE };
  }
}
