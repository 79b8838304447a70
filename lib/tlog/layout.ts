/**
 * The paths of a log's parts, and how wide they are: the layout that tlog-tiles and the Static CT API share
 * (https://c2sp.org/tlog-tiles#tiles, https://c2sp.org/static-ct-api#monitoring-apis).
 */

/** Hashes in a full tile, entries in a full entry bundle. */
export const FULL_WIDTH = 256;

/** Entries below one full level-1 tile, which such a tile seals. */
export const ENTRIES_PER_SEAL = FULL_WIDTH * FULL_WIDTH;

export const CHECKPOINT_PATH = "checkpoint";

/** The two layouts: entry bundles of tlog-tiles, data tiles of the Static CT API. */
export type LogFormat = "tiles" | "static-ct";

/** One tile of hashes. `width` is 1 to 256 of them; below 256 it names a partial tile. */
export interface TileCoordinate {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

/** One entry bundle (or Static CT data tile). */
export type EntryBundleCoordinate = Omit<TileCoordinate, "level">;

/** The kinds of objects that a path below the log's root can name. */
export type LogResource =
  | { readonly kind: "tile"; readonly tile: TileCoordinate }
  | { readonly kind: "bundle"; readonly format: LogFormat; readonly bundle: EntryBundleCoordinate };

export const ISSUER_DIRECTORY = "issuer";

/**
 * Path of an issuer in a Static CT log (https://c2sp.org/static-ct-api#issuers).
 * @param fingerprint SHA-256 of its DER, in lower-case hexadecimal.
 */
export function issuerPath(fingerprint: string): string {
  return `${ISSUER_DIRECTORY}/${fingerprint}`;
}

export function bundleDirectory(format: LogFormat): string {
  return format === "tiles" ? "tile/entries" : "tile/data";
}

/** Path of a tile: `tile/<L>/<N>[.p/<W>]`. */
export function tilePath({ level, index, width }: TileCoordinate): string {
  return `tile/${level}/${indexPath(index)}${partialSuffix(width)}`;
}

/** Path of an entry bundle: `tile/entries/<N>[.p/<W>]`, or `tile/data/<N>[.p/<W>]` in Static CT. */
export function bundlePath(format: LogFormat, { index, width }: EntryBundleCoordinate): string {
  return `${bundleDirectory(format)}/${indexPath(index)}${partialSuffix(width)}`;
}

/** Whether a path, or one of several in a message, is that of a partial tile or bundle. */
export function isPartialPath(path: string): boolean {
  return path.includes(".p/");
}

/**
 * The `<N>` of a path: groups of three decimal digits, every group but the last prefixed with `x`:
 * 1234067 is `x001/x234/067`.
 */
export function indexPath(index: number): string {
  let rest = Math.floor(index / 1000);
  let path = threeDigits(index % 1000);
  while (rest > 0) {
    path = `x${threeDigits(rest % 1000)}/${path}`;
    rest = Math.floor(rest / 1000);
  }
  return path;
}

/** Indexes of a row whose objects are in one directory: their paths differ in the last three digits. */
export const DIRECTORY_WIDTH = 1000;

/** The directory of an object, without a slash at its end. */
export function directoryOfPath(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** How many hashes level `level` of a tree of `size` entries has: floor(size / 256^level). */
export function levelHashCount(size: number, level: number): number {
  return Math.floor(size / FULL_WIDTH ** level);
}

/** How many levels of a tree of `size` entries have at least one hash; 0 for the empty tree. */
export function levelCount(size: number): number {
  let levels = 0;
  while (levelHashCount(size, levels) > 0) levels++;
  return levels;
}

/** How many full tiles level `level` has: floor(size / 256^(level+1)). Level 0 also counts full bundles. */
export function fullTileCount(size: number, level: number): number {
  return levelHashCount(size, level + 1);
}

/** Width of the partial tile at the right edge of a level, 0 where there is none. */
export function partialTileWidth(size: number, level: number): number {
  return levelHashCount(size, level) % FULL_WIDTH;
}

export function partialTile(size: number, level: number): TileCoordinate | undefined {
  const width = partialTileWidth(size, level);
  return width === 0 ? undefined : { level, index: fullTileCount(size, level), width };
}

/** The right-edge partial tiles of a tree, lowest level first: at most one a level, together they give the root. */
export function rightEdge(size: number): TileCoordinate[] {
  const levels = Array.from({ length: levelCount(size) }, (_, level) => partialTile(size, level));
  return levels.filter((tile) => tile !== undefined);
}

/** How many tiles a level has, the partial one included. */
export function tileCount(size: number, level: number): number {
  return fullTileCount(size, level) + (partialTileWidth(size, level) > 0 ? 1 : 0);
}

/** How wide tile `index` of `level` is; 0 if it lies beyond the tree. */
export function tileWidth(size: number, level: number, index: number): number {
  const hashes = levelHashCount(size, level) - index * FULL_WIDTH;
  return Math.max(0, Math.min(FULL_WIDTH, hashes));
}

/**
 * What a path names, or undefined for a path of another kind or not in canonical form (so that every resource
 * has exactly one path, and a listing can count resources by counting paths).
 */
export function parseResourcePath(path: string): LogResource | undefined {
  const match = /^tile\/(entries|data|0|[1-9]\d?)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path);
  if (match === null) return undefined;
  const [, kind = "", digits = "", partial] = match;
  const index = Number(digits.replaceAll(/[x/]/g, ""));
  const width = partial === undefined ? FULL_WIDTH : Number(partial);
  if (!Number.isSafeInteger(index) || indexPath(index) !== digits) return undefined;
  if (partial !== undefined && width >= FULL_WIDTH) return undefined;
  if (kind === "entries") return { kind: "bundle", format: "tiles", bundle: { index, width } };
  if (kind === "data") return { kind: "bundle", format: "static-ct", bundle: { index, width } };
  const level = Number(kind);
  return level > 63 ? undefined : { kind: "tile", tile: { level, index, width } };
}

function threeDigits(value: number): string {
  return String(value).padStart(3, "0");
}

function partialSuffix(width: number): string {
  return width === FULL_WIDTH ? "" : `.p/${width}`;
}
