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
  type LogSource,
  MAX_ISSUER_BYTES,
  MAX_OBJECT_BYTES,
  type ObjectSource,
  type ReadHints,
} from "../ports/source.ts";
import type { HashTree, TileRecovery, TreeHead } from "../tree/hash-tree.ts";
import { TiledTree } from "../tree/tiled-tree.ts";

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

  /** Why bytes that were read from here do not authenticate, as a clause, where the source can tell. */
  explain(path: string, bytes: Uint8Array): string | undefined {
    return this.#objects.explain?.(path, bytes);
  }

  /** The signed checkpoint past every cache. Undefined if there is none. */
  checkpoint(hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    return this.#objects.read(CHECKPOINT_PATH, { ...hints, fresh: true, maxBytes: MAX_CHECKPOINT_BYTES });
  }

  /**
   * The hashes of a tile, exactly `width` of them. Undefined if the source has it neither so wide nor full.
   * @throws FormatError if it has another size than its width asks for.
   */
  async tile(tile: TileCoordinate, hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    const full = { ...tile, width: FULL_WIDTH };
    const exact = await this.#readTile(tile, hints);
    if (exact !== undefined || tile.width === FULL_WIDTH) return exact;
    return (await this.#readTile(full, hints))?.subarray(0, tile.width * HASH_SIZE);
  }

  /**
   * The bytes of an entry bundle of the log's format. Where a partial bundle is gone, the full one cut to its
   * first `width` entries (https://c2sp.org/tlog-tiles#partial-tiles). Undefined if there is neither. That the
   * bundle holds `width` entries is for the caller to find when it hashes them.
   */
  async entryBundle(bundle: EntryBundleCoordinate, hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    const exact = await this.#readBundle(bundle, hints);
    if (exact !== undefined || bundle.width === FULL_WIDTH) return exact;
    const full = await this.#readBundle({ ...bundle, width: FULL_WIDTH }, hints);
    return full === undefined ? undefined : cutBundle(this.format, full, bundle.width);
  }

  /** DER of the certificate with this fingerprint, undefined if the source has none. */
  issuer(fingerprint: string, hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    return this.#objects.read(issuerPath(fingerprint), { ...hints, maxBytes: MAX_ISSUER_BYTES });
  }

  openTree(head: TreeHead, read: AuthenticRead, recovery?: TileRecovery): Promise<HashTree> {
    return TiledTree.authenticate(this, head, read, recovery);
  }

  close(): Promise<void> {
    return this.#objects.close();
  }

  async #readTile(tile: TileCoordinate, hints: ReadHints): Promise<Uint8Array | undefined> {
    const size = tile.width * HASH_SIZE;
    const hashes = await this.#objects.read(tilePath(tile), { ...hints, maxBytes: size });
    if (hashes !== undefined && hashes.length !== size) {
      throw new FormatError(
        "is not as long as a tile of its width",
        `${size} bytes`,
        `${hashes.length} bytes`,
      );
    }
    return hashes;
  }

  #readBundle(bundle: EntryBundleCoordinate, hints: ReadHints): Promise<Uint8Array | undefined> {
    const maxBytes = Math.min(maxBundleSize(this.format, bundle.width), MAX_OBJECT_BYTES);
    return this.#objects.read(bundlePath(this.format, bundle), { ...hints, maxBytes });
  }
}
