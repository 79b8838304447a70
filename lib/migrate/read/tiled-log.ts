/** Logs whose objects are addressed by path: turns a backend's objects into tiles, bundles and checkpoints. */

import { cutBundle, forEachEntry, maxBundleSize } from "../../tlog/bundle.ts";
import { attempt, FormatError } from "../../tlog/errors.ts";
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
import { MAX_MIN_INDEX_BYTES, MIN_INDEX_PATH } from "../../tlog/pruning.ts";
import { formatCount } from "../../tlog/quantities.ts";
import { TREE_HEAD_PATH } from "../../tlog/tree-head.ts";
import {
  type LogSource,
  MAX_ISSUER_BYTES,
  MAX_OBJECT_BYTES,
  type ObjectSource,
  type ReadHints,
} from "../ports/source.ts";
import { openTiledTree } from "../tree/tiled-tree.ts";
import { readPartial } from "./partial-object.ts";
import { IS_WEB_PAGE, isWebPage, NothingThereError } from "./web-page.ts";

/** Most bytes of a checkpoint: enough for far more than the 16 signatures that clients must accept. */
const MAX_CHECKPOINT_BYTES = 1 << 20;

/** A signature has some hundred bytes. */
const MAX_TREE_HEAD_BYTES = 1 << 16;

/** A log whose objects have the paths of tlog-tiles or Static CT (https://c2sp.org/tlog-tiles). */
export function tiledLog(objects: ObjectSource, format: LogFormat): LogSource {
  const { location } = objects;

  const readTile = async (tile: TileCoordinate, hints: ReadHints): Promise<Uint8Array | undefined> => {
    const size = tile.width * HASH_SIZE;
    const hashes = await objects.read(tilePath(tile), { ...hints, maxBytes: size });
    if (hashes === undefined || hashes.length === size) return hashes;
    if (isWebPage(hashes)) throw new NothingThereError(IS_WEB_PAGE);
    const problem = "does not have the length of a tile of its width";
    throw new FormatError(problem, `${formatCount(size)} bytes`, `${formatCount(hashes.length)} bytes`);
  };

  const readBundle = (bundle: EntryBundleCoordinate, hints: ReadHints): Promise<Uint8Array | undefined> => {
    const maxBytes = Math.min(maxBundleSize(format, bundle.width), MAX_OBJECT_BYTES);
    return objects.read(bundlePath(format, bundle), { ...hints, maxBytes });
  };

  const source: LogSource = {
    location,
    format,
    inFormat: (other) => tiledLog(objects, other),
    locate: (path) => objects.locate(path),
    explain: (path, bytes) => objects.explain?.(path, bytes),
    ...(objects.listOthers && { listOthers: objects.listOthers.bind(objects) }),
    closeIdle: () => objects.closeIdle?.(),
    close: () => objects.close(),
    checkpoint: (hints = {}) =>
      objects.read(CHECKPOINT_PATH, { ...hints, fresh: true, maxBytes: MAX_CHECKPOINT_BYTES }),
    minIndex: (hints = {}) => objects.read(MIN_INDEX_PATH, { ...hints, maxBytes: MAX_MIN_INDEX_BYTES }),
    ...(format === "static-ct" &&
      objects.isServed === true && {
        treeHead: (hints: ReadHints = {}) =>
          objects.read(TREE_HEAD_PATH, { ...hints, fresh: true, maxBytes: MAX_TREE_HEAD_BYTES }),
      }),
    issuer: (fingerprint, hints = {}) =>
      objects.read(issuerPath(fingerprint), { ...hints, maxBytes: MAX_ISSUER_BYTES }),
    async tile(tile, hints = {}) {
      const exact = () => readTile(tile, hints);
      if (tile.width === FULL_WIDTH) return await exact();
      const cut = async () => {
        const full = await readTile({ ...tile, width: FULL_WIDTH }, hints);
        return full?.subarray(0, tile.width * HASH_SIZE);
      };
      return await readPartial({ partial: exact, full: cut, canBe: () => true }, hints.fromFull);
    },
    async entryBundle(bundle, hints = {}) {
      const exact = () => readBundle(bundle, hints);
      const { width } = bundle;
      if (width === FULL_WIDTH) return await exact();
      const cut = async () => {
        const full = await readBundle({ ...bundle, width: FULL_WIDTH }, hints);
        hints.onGzip?.(undefined);
        return full && cutBundle(format, full, width);
      };
      const canBe = (bytes: Uint8Array) =>
        attempt(() => forEachEntry(format, bytes, width, () => {}) ?? true) === true;
      return await readPartial({ partial: exact, full: cut, canBe }, hints.fromFull);
    },
    openTree: (head, read, recovery) => openTiledTree(source, head, read, recovery),
    otherLayout: async () => objects.otherLayout?.(),
  };
  return source;
}
