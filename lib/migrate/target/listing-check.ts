/**
 * Checks a listing of a target (or of a source that can be listed) against a log of a given size: every object exists
 * and has the right size, and nothing exists beyond the tree (promise 3).
 */

import { cutBundle, maxBundleSize, minBundleSize } from "../../tlog/bundle.ts";
import { attempt } from "../../tlog/errors.ts";
import {
  bundleDirectory,
  bundlePath,
  DIRECTORY_WIDTH,
  directoryOfPath,
  type EntryBundleCoordinate,
  FULL_WIDTH,
  fullTileCount,
  indexPath,
  type LogFormat,
  type LogResource,
  levelCount,
  parseResourcePath,
  type TileCoordinate,
  tileCount,
  tilePath,
  tileWidth,
} from "../../tlog/layout.ts";
import { equalBytes, HASH_SIZE } from "../../tlog/merkle.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { Finding } from "../ports/executor.ts";
import { MAX_OBJECT_BYTES } from "../ports/source.ts";
import type { StoredObject } from "../ports/target.ts";
import type { ReadContext } from "../read/context.ts";
import { Absences } from "./absences.ts";

export type FindingKind =
  /** Beyond the end of the tree. */
  | "beyond"
  /** A bundle of the other format. */
  | "foreign"
  /** A partial object that a fuller one has replaced, but that differs from the first part of the fuller one. */
  | "obsolete"
  | "missing"
  /** Below a pruned tile, without which nothing authenticates it. */
  | "orphan"
  /** Its bytes differ from the tree. */
  | "wrong";

/** A fault that a listing shows. */
export interface ListingFinding extends Finding {
  readonly kind: FindingKind;
  readonly resource: LogResource;
}

/** A row of resources of a log: the tiles of one level, or the bundles. */
interface Row {
  readonly first: LogResource;
  /** The first index that is asked for. */
  readonly start: number;
  /** One byte an index from there, set when the object that the tree has there was listed. */
  readonly seen: Uint8Array;
}

/** What a listing is compared with. */
export interface ListedLog {
  readonly format: LogFormat;
  readonly size: number;
  /** A smaller size, whose full tiles and bundles were listed before: they are not asked for again. Default: 0. */
  readonly since?: number;
  /**
   * The size to which the log has grown since the listing began: objects between `size` and this one are left to a later
   * listing. Default: `size`.
   */
  readonly grownTo?: () => number;
  /** Reads a listed object; undefined if there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Called with each correct obsolete partial and its bytes. */
  obsolete?(object: StoredObject, bytes: Uint8Array): Promise<void>;
  /** Receives missing objects; those that may be missing in a pruned log are not yielded. */
  readonly absences?: Absences;
}

/**
 * Compares a listing with a log of `size` entries. Yields objects that are missing, too short or too long, or beyond
 * the tree, and obsolete partials (below the right edge, harmless to log software) that are not a prefix of the fuller
 * object. Memory: one byte a bundle and level-0 tile.
 */
export async function* compareListing(
  listing: AsyncIterable<StoredObject>,
  log: ListedLog,
): AsyncGenerator<ListingFinding> {
  const { format, size, since = 0, grownTo = () => size, absences = new Absences() } = log;
  const rows = expectedRows(format, size, since);
  for await (const object of listing) {
    const { path } = object;
    const resource = parseResourcePath(path);
    if (resource === undefined) continue;
    if (resource.kind === "bundle" && resource.format !== format) {
      const problem = `is a bundle of the format ${resource.format}, in a log of the format ${format}`;
      yield { kind: "foreign", resource, path, problem };
      continue;
    }
    const { index, width } = coordinateOf(resource);
    const widest = widthInTree(resource, format, size);
    if (width > widest) {
      const grownSize = grownTo();
      if (width <= widthInTree(resource, format, grownSize)) continue;
      const problem = `is beyond size ${formatCount(grownSize)}: log software that continues from there would fail on it`;
      yield { kind: "beyond", resource, path, problem };
      continue;
    }
    const problem = sizeProblem(resource, object);
    const kind = width === widest ? "wrong" : "obsolete";
    if (problem !== undefined) yield { kind, resource, path, problem };
    const row = rows.get(rowName(resource)) as Row;
    if (index < row.start) continue;
    if (width === widest) {
      row.seen[index - row.start] = 1;
      continue;
    }
    const [fuller, partial] = [await log.read(pathOf(at(resource, index, widest))), await log.read(path)];
    // A missing object is reported with its own name.
    if (fuller === undefined || partial === undefined) continue;
    if (beginsWith(fuller, partial, resource)) {
      await log.obsolete?.(object, partial);
      continue;
    }
    const prefixProblem = "is an obsolete partial object that is not a prefix of the fuller one";
    yield { kind, resource, path, problem: prefixProblem };
  }
  for (const { first, start, seen } of rows.values()) {
    for (let gap = seen.indexOf(0); gap !== -1; gap = seen.indexOf(0, gap + 1)) {
      const index = start + gap;
      const width = widthInTree(at(first, index, 0), format, size);
      const resource = at(first, index, width);
      if (!absences.add(resource)) {
        yield { kind: "missing", resource, path: pathOf(resource), problem: "is missing" };
      } else if (resource.kind === "tile" && resource.tile.level > 0) {
        yield* orphansOf(resource.tile, format, rows);
      }
    }
  }
}

/** Objects that were listed directly below a pruned tile. */
function* orphansOf(
  { level, index }: TileCoordinate,
  format: LogFormat,
  rows: ReadonlyMap<string, Row>,
): Generator<ListingFinding> {
  const below = level === 1 ? ["0", format] : [`${level - 1}`];
  for (const { first, start, seen } of below.map((name) => rows.get(name) as Row)) {
    const begin = Math.max(0, index * FULL_WIDTH - start);
    const children = seen.subarray(begin, Math.max(0, (index + 1) * FULL_WIDTH - start));
    for (let child = children.indexOf(1); child !== -1; child = children.indexOf(1, child + 1)) {
      const resource = at(first, start + begin + child, FULL_WIDTH);
      const above = tilePath({ level, index, width: FULL_WIDTH });
      const problem = `cannot be authenticated, since ${above} is pruned`;
      yield { kind: "orphan", resource, path: pathOf(resource), problem };
    }
  }
}

/**
 * The directories in which everything is that a log of `size` entries has, and one of `since` does not; with the next of
 * each row, where what is beyond it would be.
 */
export function directoriesOfGrowth(format: LogFormat, since: number, size: number): string[] {
  const rows: [row: string, level: number][] = [[bundleDirectory(format), 0]];
  for (let level = 0; level <= levelCount(size); level++) rows.push([`tile/${level}`, level]);
  return rows.flatMap(([row, level]) => {
    const start = Math.floor(fullTileCount(since, level) / DIRECTORY_WIDTH);
    // The first one has all the others of its row in it.
    if (start === 0) return [row];
    const next = Math.floor(tileCount(size, level) / DIRECTORY_WIDTH) + 1;
    return Array.from({ length: next + 1 - start }, (_, i) => {
      return directoryOfPath(`${row}/${indexPath((start + i) * DIRECTORY_WIDTH)}`);
    });
  });
}

/** Counts the objects of a listing, which may take minutes, until the signal aborts. @param note is called with each. */
export async function* counted(
  listing: AsyncIterable<StoredObject>,
  { counters, signal }: Pick<ReadContext, "counters" | "signal">,
  note: (object: StoredObject) => void = () => {},
): AsyncGenerator<StoredObject> {
  for await (const object of listing) {
    signal.throwIfAborted();
    counters.add("listedObjects", 1);
    note(object);
    yield object;
  }
}

/** Whether an object is beyond the tree of a log of `size` entries. */
export function isBeyondSize(resource: LogResource, format: LogFormat, size: number): boolean {
  return coordinateOf(resource).width > widthInTree(resource, format, size);
}

/** Whether a log of `size` entries has exactly this object, not one of another width or format. */
export function isOfTree(resource: LogResource, format: LogFormat, size: number): boolean {
  return coordinateOf(resource).width === widthInTree(resource, format, size);
}

/** The index and width of a tile or a bundle. */
export function coordinateOf(resource: LogResource): EntryBundleCoordinate {
  return resource.kind === "tile" ? resource.tile : resource.bundle;
}

/** The resource at another index of the same row. */
export function at(resource: LogResource, index: number, width: number): LogResource {
  return resource.kind === "tile"
    ? { kind: "tile", tile: { level: resource.tile.level, index, width } }
    : { ...resource, bundle: { index, width } };
}

export function pathOf(resource: LogResource): string {
  return resource.kind === "tile" ? tilePath(resource.tile) : bundlePath(resource.format, resource.bundle);
}

/** The width that it has in the tree at this index, 0 beyond the tree. */
function widthInTree(resource: LogResource, format: LogFormat, size: number): number {
  if (resource.kind === "tile") return tileWidth(size, resource.tile.level, resource.tile.index);
  return resource.format === format ? tileWidth(size, 0, resource.bundle.index) : 0;
}

function expectedRows(format: LogFormat, size: number, since: number): Map<string, Row> {
  const start = { index: 0, width: 0 };
  const firsts: LogResource[] = [{ kind: "bundle", format, bundle: start }];
  for (let level = 0; level < levelCount(size); level++) {
    firsts.push({ kind: "tile", tile: { level, ...start } });
  }
  const rows = firsts.map((first): [string, Row] => {
    const level = first.kind === "tile" ? first.tile.level : 0;
    const start = fullTileCount(since, level);
    return [rowName(first), { first, start, seen: new Uint8Array(tileCount(size, level) - start) }];
  });
  return new Map(rows);
}

function rowName(resource: LogResource): string {
  return resource.kind === "tile" ? `${resource.tile.level}` : resource.format;
}

function sizeProblem(resource: LogResource, { bytes, isCompressed }: StoredObject): string | undefined {
  if (resource.kind === "tile") {
    const expected = resource.tile.width * HASH_SIZE;
    return bytes === expected
      ? undefined
      : `has ${formatCount(bytes)} bytes, not the ${formatCount(expected)} of a tile of its width`;
  }
  const { format, bundle } = resource;
  if (bytes < (isCompressed === true ? 1 : minBundleSize(format, bundle.width)))
    return `has ${formatCount(bytes)} bytes, too few for its entries`;
  const most = Math.min(maxBundleSize(format, bundle.width), MAX_OBJECT_BYTES);
  return bytes > most ? `has ${formatCount(bytes)} bytes, too many for its entries` : undefined;
}

/** @param resource the one whose bytes are `partial`. */
function beginsWith(fuller: Uint8Array, partial: Uint8Array, resource: LogResource): boolean {
  const begin =
    resource.kind === "tile"
      ? fuller.subarray(0, resource.tile.width * HASH_SIZE)
      : attempt(() => cutBundle(resource.format, fuller, resource.bundle.width));
  return begin !== undefined && equalBytes(partial, begin);
}
