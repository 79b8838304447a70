/**
 * A log in the old serverless layout, as a source of tlog-tiles: its tiles have the same hashes in another form, and its
 * entries are put together to bundles. All of it is authenticated like any other source's.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import pLimit from "p-limit";
import { UsageError } from "../../lib/errors.ts";
import {
  type AuthenticRead,
  type BundleHints,
  type HashTree,
  type LogSource,
  type ObjectSource,
  type ReadHints,
  type TileRecovery,
  TooLargeError,
  type TreeHead,
} from "../../lib/migrate/ports/source.ts";
import { readPartial } from "../../lib/migrate/read/partial-object.ts";
import { isWebPage } from "../../lib/migrate/read/web-page.ts";
import { openTiledTree } from "../../lib/migrate/tree/tiled-tree.ts";
import { MAX_ENTRY_BYTES } from "../../lib/tlog/bundle.ts";
import { attempt, FormatError } from "../../lib/tlog/errors.ts";
import { hashBundle } from "../../lib/tlog/hasher/hasher.ts";
import {
  CHECKPOINT_PATH,
  type EntryBundleCoordinate,
  FULL_WIDTH,
  parseResourcePath,
  rightEdge,
  type TileCoordinate,
  tilePath,
} from "../../lib/tlog/layout.ts";
import { equalBytes, HASH_SIZE, hashAt } from "../../lib/tlog/merkle.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { readEntries } from "./entries.ts";
import { entryPath, tilePathOf } from "./layout.ts";
import { hashesOfTile, MAX_TILE_BYTES } from "./tile-text.ts";

const MAX_CHECKPOINT_BYTES = 1 << 20;

/** Bundles whose entries are read at once: the second keeps the source busy while the last ones of the first come. */
const BUNDLES_AT_ONCE = 2;

/** Sizes that are looked at between two turns of the event loop. */
const SIZES_A_TURN = 1024;

/** Where the log's objects are. */
export interface ServerlessObjects extends ObjectSource {
  /** The size of an object in bytes, where it can be looked at for next to nothing. */
  sizeOf?(path: string): number | undefined;
}

export class ServerlessSource implements LogSource {
  readonly format = "tiles";
  readonly hasCostlyBundles = true;
  readonly location: string;
  readonly #objects: ServerlessObjects;
  readonly #connections: number;
  /** Entries that are known not to be too large. */
  #convertible = 0;
  readonly #bundles = pLimit(BUNDLES_AT_ONCE);
  /** Objects under way: in a directory, each is an open file. */
  readonly #reads: <T>(read: () => Promise<T>) => Promise<T>;

  /**
   * @param objects below the log's root, by their paths in the old layout.
   * @param address of the root, without the `serverless+` of the location.
   */
  constructor(objects: ServerlessObjects, address: string, connections: number) {
    this.location = `serverless+${address}`;
    this.#objects = objects;
    this.#connections = connections;
    this.#reads = pLimit(connections);
  }

  /** The name of what a path of tlog-tiles, or one of the old layout, is made from. */
  locate(path: string): string {
    const resource = parseResourcePath(path);
    if (resource?.kind === "tile") return this.#objects.locate(tilePathOf(resource.tile));
    if (resource === undefined) return this.#objects.locate(path);
    const { index, width } = resource.bundle;
    const first = index * FULL_WIDTH;
    return `${this.#objects.locate(entryPath(first))} and up to ${entryPath(first + width - 1)}`;
  }

  /** Which entry of a bundle is wrong, where the source's own tile says so. */
  async explain(path: string, bundle: Uint8Array): Promise<string | undefined> {
    const resource = parseResourcePath(path);
    if (resource?.kind !== "bundle") return undefined;
    const { index, width } = resource.bundle;
    const stored = await this.tile({ level: 0, index, width }).catch(() => undefined);
    const found = attempt(() => hashBundle("tiles", bundle, width).leafHashes);
    if (stored === undefined || found === undefined) return undefined;
    for (let position = 0; position < width; position++) {
      if (equalBytes(hashAt(stored, position), hashAt(found, position))) continue;
      const entry = index * FULL_WIDTH + position;
      return `has a wrong entry, ${entry} (${entryPath(entry)}): it does not hash to what the source's own tile says`;
    }
    return undefined;
  }

  checkpoint(hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    return this.#objects.read(CHECKPOINT_PATH, { ...hints, fresh: true, maxBytes: MAX_CHECKPOINT_BYTES });
  }

  /** A partial tile is often a symbolic link to the full one, which may lead nowhere, or be served as a text. */
  tile(tile: TileCoordinate, hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    const read = async (width: number): Promise<Uint8Array | undefined> => {
      const bytes = await this.#read(tilePathOf({ ...tile, width }), { ...hints, maxBytes: MAX_TILE_BYTES });
      return bytes && hashesOfTile(bytes, tile.width);
    };
    if (tile.width === FULL_WIDTH) return read(FULL_WIDTH);
    const [partial, full] = [() => read(tile.width), () => read(FULL_WIDTH)];
    return readPartial({ partial, full, canBe: () => true }, hints.fromFull);
  }

  entryBundle(
    { index, width }: EntryBundleCoordinate,
    hints: BundleHints = {},
  ): Promise<Uint8Array | undefined> {
    // No entry is of a partial bundle alone.
    if (hints.fromFull) return Promise.resolve(undefined);
    const first = index * FULL_WIDTH;
    const read = (position: number) => this.#entry(first + position, hints);
    return this.#bundles(() => readEntries(width, this.#connections, read, hints));
  }

  /** Only Static CT has issuers. */
  async issuer(): Promise<undefined> {}

  /** @throws UsageError where an entry is seen to be too large; a verification, which has a recovery, reports it. */
  async openTree(head: TreeHead, read: AuthenticRead, recovery?: TileRecovery): Promise<HashTree> {
    const tree = await openTiledTree(this, head, read, recovery);
    if (recovery === undefined) await this.#requireConvertible(head.size);
    return tree;
  }

  /** Entries are stored before the log integrates them into its tree. */
  async beyond(size: number): Promise<string | undefined> {
    const exists = async (index: number): Promise<boolean> => {
      if (!Number.isSafeInteger(index)) return false;
      const read = this.#read(entryPath(index), { maxBytes: MAX_ENTRY_BYTES });
      const entry = await read.catch((error) => (error instanceof TooLargeError ? Buffer.of() : undefined));
      return entry !== undefined && !isWebPage(entry);
    };
    if (!(await exists(size))) return undefined;
    // They have no gaps.
    let [last, step] = [size, 1];
    for (; await exists(last + step); step *= 2) last += step;
    for (; step > 1; step /= 2) if (await exists(last + step / 2)) last += step / 2;
    const left = last === size ? `Entry ${size} is` : `Entries ${size} to ${last} are`;
    return `${left} in seq/, but not in the tree yet: not copied until the log has integrated them`;
  }

  /** The place holds tlog-tiles if it has a tile of the tree's right edge. */
  async otherLayout(size: number): Promise<string | undefined> {
    const [tile] = rightEdge(size);
    if (tile === undefined) return undefined;
    for (const width of new Set([tile.width, FULL_WIDTH])) {
      const maxBytes = width * HASH_SIZE;
      const found = await this.#objects.read(tilePath({ ...tile, width }), { maxBytes });
      if (found !== undefined) return this.location.replace("serverless+", "");
    }
    return undefined;
  }

  closeIdle(): void {
    this.#objects.closeIdle?.();
  }

  close(): Promise<void> {
    return this.#objects.close();
  }

  /** In a directory, all sizes can be looked at before anything is copied: 3 µs each, measured. */
  async #requireConvertible(size: number): Promise<void> {
    if (this.#objects.sizeOf === undefined) return;
    for (; this.#convertible < size; this.#convertible++) {
      if (this.#convertible % SIZES_A_TURN === 0) await nextTurn();
      const path = entryPath(this.#convertible);
      const bytes = this.#objects.sizeOf(path) ?? 0;
      if (bytes <= MAX_ENTRY_BYTES) continue;
      const { message, expected, found, advice } = tooLargeEntry(
        this.#convertible,
        `${formatCount(bytes)} bytes`,
      );
      throw new UsageError({ object: this.#objects.locate(path), problem: message, expected, found, advice });
    }
  }

  #entry(index: number, { readPart, fresh = false, signal }: BundleHints): Promise<Uint8Array | undefined> {
    const path = entryPath(index);
    const read = async (hints: ReadHints): Promise<Uint8Array | undefined> => {
      const options = { ...hints, fresh: fresh || hints.fresh === true, maxBytes: MAX_ENTRY_BYTES };
      return await this.#read(path, options).catch((error) => {
        throw error instanceof TooLargeError ? tooLargeEntry(index, error.found) : error;
      });
    };
    return readPart === undefined ? read({ ...(signal && { signal }) }) : readPart(path, read);
  }

  #read(...[path, options]: Parameters<ObjectSource["read"]>): Promise<Uint8Array | undefined> {
    return this.#reads(() => this.#objects.read(path, options));
  }
}

function tooLargeEntry(index: number, found: string | undefined): FormatError {
  const problem = `is entry ${index}, which is larger than tlog-tiles allows`;
  const expected = `at most ${formatCount(MAX_ENTRY_BYTES)} bytes`;
  return new FormatError(
    problem,
    expected,
    found,
    "A log with such an entry cannot be converted to tlog-tiles",
  );
}
