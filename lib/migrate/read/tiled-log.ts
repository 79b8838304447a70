/** Logs that are addressed by path: gives a backend's objects the shapes that the formats prescribe. */

import { cutBundle, maxBundleSize } from "../../tlog/bundle.ts";
import { FormatError } from "../../tlog/errors.ts";
import {
  bundlePath,
  CHECKPOINT_PATH,
  type EntryBundleCoordinate,
  FULL_WIDTH,
  issuerPath,
  type LogFormat,
  type TileCoordinate,
  tilePath,
} from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";
import {
  type AuthenticRead,
  type HashTree,
  type LogSource,
  MAX_ISSUER_BYTES,
  MAX_OBJECT_BYTES,
  type ObjectSource,
  type ReadHints,
  type TileRecovery,
  type TreeHead,
} from "../ports/source.ts";
import { openTiledTree } from "../tree/tiled-tree.ts";

/** Largest checkpoint that is read: far more than the 16 signatures that clients must accept. */
const MAX_CHECKPOINT_BYTES = 1 << 20;

/** A log whose objects have the paths of tlog-tiles or Static CT (https://c2sp.org/tlog-tiles). */
export class TiledLog implements LogSource {
  readonly format: LogFormat;
  readonly #objects: ObjectSource;

  constructor(objects: ObjectSource, format: LogFormat) {
    this.#objects = objects;
    this.format = format;
  }

  get location(): string {
    return this.#objects.location;
  }

  locate(path: string): string {
    return this.#objects.locate(path);
  }

  explain(path: string, bytes: Uint8Array): string | undefined {
    return this.#objects.explain?.(path, bytes);
  }

  checkpoint(hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    return this.#objects.read(CHECKPOINT_PATH, { ...hints, fresh: true, maxBytes: MAX_CHECKPOINT_BYTES });
  }

  /** Where a partial tile is gone, the full one cut to its width (https://c2sp.org/tlog-tiles#partial-tiles). */
  async tile(tile: TileCoordinate, hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    const exact = await this.#readTile(tile, hints);
    if (exact !== undefined || tile.width === FULL_WIDTH) return exact;
    const full = await this.#readTile({ ...tile, width: FULL_WIDTH }, hints);
    return full?.subarray(0, tile.width * HASH_SIZE);
  }

  /** Where a partial bundle is gone, the full one cut to its width. */
  async entryBundle(bundle: EntryBundleCoordinate, hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    const exact = await this.#readBundle(bundle, hints);
    if (exact !== undefined || bundle.width === FULL_WIDTH) return exact;
    const full = await this.#readBundle({ ...bundle, width: FULL_WIDTH }, hints);
    return full && cutBundle(this.format, full, bundle.width);
  }

  issuer(fingerprint: string, hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    return this.#objects.read(issuerPath(fingerprint), { ...hints, maxBytes: MAX_ISSUER_BYTES });
  }

  openTree(head: TreeHead, read: AuthenticRead, recovery?: TileRecovery): Promise<HashTree> {
    return openTiledTree(this, head, read, recovery);
  }

  close(): Promise<void> {
    return this.#objects.close();
  }

  async #readTile(tile: TileCoordinate, hints: ReadHints): Promise<Uint8Array | undefined> {
    const size = tile.width * HASH_SIZE;
    const hashes = await this.#objects.read(tilePath(tile), { ...hints, maxBytes: size });
    if (hashes === undefined || hashes.length === size) return hashes;
    const problem = "is not as long as a tile of its width";
    throw new FormatError(problem, `${size} bytes`, `${hashes.length} bytes`);
  }

  #readBundle(bundle: EntryBundleCoordinate, hints: ReadHints): Promise<Uint8Array | undefined> {
    const maxBytes = Math.min(maxBundleSize(this.format, bundle.width), MAX_OBJECT_BYTES);
    return this.#objects.read(bundlePath(this.format, bundle), { ...hints, maxBytes });
  }
}
