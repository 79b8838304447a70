/**
 * Checks a listing of a target (or of a source that can be listed) against a log of a given size: every object exists
 * and has the right size, and nothing exists beyond the tree (promise 3).
 */

import { cutBundle, minBundleSize } from "../../tlog/bundle.ts";
import { FormatError } from "../../tlog/errors.ts";
import {
  bundlePath,
  FULL_WIDTH,
  fullTileCount,
  type LogFormat,
  type LogResource,
  levelCount,
  parseResourcePath,
  partialTileWidth,
  tilePath,
} from "../../tlog/layout.ts";
import { equalBytes, HASH_SIZE } from "../../tlog/merkle.ts";
import type { Finding } from "../ports/executor.ts";
import type { StoredObject } from "../ports/target.ts";

/** Reads a listed object, undefined if there is none. */
export type ReadStored = (path: string) => Promise<Uint8Array | undefined>;

/** A finding of a listing. */
export interface ListingFinding extends Finding {
  /** An object that the tree does not have, one that is missing, or one whose bytes are not the tree's. */
  readonly kind: "beyond" | "missing" | "wrong";
}

/** A row of resources that a log has: the tiles of one level, or its bundles. */
interface Row {
  readonly full: number;
  readonly partialWidth: number;
  readonly pathOf: (index: number, width: number) => string;
  /** One byte an index, set when the full resource was listed. */
  readonly seen: Uint8Array;
  seenPartial: boolean;
}

/**
 * Compares a listing with a log of `size` entries. Yields objects that are missing, too short or too long, or beyond
 * the tree, and obsolete partials (below the right edge, harmless to log software) that are not a prefix of the fuller
 * object. Memory: one byte a bundle and level-0 tile.
 */
export async function* compareListing(
  listing: AsyncIterable<StoredObject>,
  format: LogFormat,
  size: number,
  read: ReadStored,
): AsyncGenerator<ListingFinding> {
  const rows = expectedRows(format, size);
  for await (const { path, bytes } of listing) {
    const resource = parseResourcePath(path);
    if (resource === undefined) continue;
    const row = rows.get(rowName(resource));
    const { index, width } = resource.kind === "tile" ? resource.tile : resource.bundle;
    if (row === undefined || isBeyond(row, index, width)) {
      yield {
        kind: "beyond",
        path,
        problem: `is beyond size ${size}: log software that continues from there would fail on it`,
      };
      continue;
    }
    const problem = sizeProblem(resource, bytes);
    if (problem !== undefined) yield { kind: "wrong", path, problem };
    if (width === FULL_WIDTH) row.seen[index] = 1;
    else if (index === row.full && width === row.partialWidth) row.seenPartial = true;
    else yield* obsoletePartial(resource, path, format, row, read);
  }
  for (const row of rows.values()) yield* missing(row);
}

/** Whether an object is beyond the tree of a log of `size` entries. */
export function isBeyondSize(resource: LogResource, format: LogFormat, size: number): boolean {
  if (resource.kind === "bundle" && resource.format !== format) return true;
  const { index, width } = resource.kind === "tile" ? resource.tile : resource.bundle;
  const level = resource.kind === "tile" ? resource.tile.level : 0;
  const [full, partialWidth] = [fullTileCount(size, level), partialTileWidth(size, level)];
  return isBeyond({ full, partialWidth }, index, width);
}

function expectedRows(format: LogFormat, size: number): Map<string, Row> {
  const rows = new Map<string, Row>();
  const add = (name: string, level: number, pathOf: Row["pathOf"]) => {
    const full = fullTileCount(size, level);
    const partialWidth = partialTileWidth(size, level);
    rows.set(name, { full, partialWidth, pathOf, seen: new Uint8Array(full), seenPartial: false });
  };
  add(format, 0, (index, width) => bundlePath(format, { index, width }));
  for (let level = 0; level < levelCount(size); level++) {
    add(`${level}`, level, (index, width) => tilePath({ level, index, width }));
  }
  return rows;
}

function rowName(resource: LogResource): string {
  return resource.kind === "tile" ? `${resource.tile.level}` : resource.format;
}

function isBeyond(row: Pick<Row, "full" | "partialWidth">, index: number, width: number): boolean {
  return index > row.full || (index === row.full && width > row.partialWidth);
}

function sizeProblem(resource: LogResource, bytes: number): string | undefined {
  if (resource.kind === "tile") {
    const expected = resource.tile.width * HASH_SIZE;
    return bytes === expected ? undefined : `has ${bytes} bytes, not the ${expected} of a tile of its width`;
  }
  const least = minBundleSize(resource.format, resource.bundle.width);
  return bytes >= least ? undefined : `has ${bytes} bytes, fewer than its entries need`;
}

async function* obsoletePartial(
  resource: LogResource,
  path: string,
  format: LogFormat,
  row: Row,
  read: ReadStored,
): AsyncGenerator<ListingFinding> {
  const { index, width } = resource.kind === "tile" ? resource.tile : resource.bundle;
  const fuller = await read(row.pathOf(index, index < row.full ? FULL_WIDTH : row.partialWidth));
  const partial = await read(path);
  // A missing object is reported by its own name.
  if (fuller === undefined || partial === undefined) return;
  try {
    const begin =
      resource.kind === "tile" ? fuller.subarray(0, width * HASH_SIZE) : cutBundle(format, fuller, width);
    if (equalBytes(partial, begin)) return;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
  yield {
    kind: "wrong",
    path,
    problem: "is an obsolete partial object, and not a prefix of the fuller one",
  };
}

function* missing(row: Row): Generator<ListingFinding> {
  for (let index = row.seen.indexOf(0); index !== -1; index = row.seen.indexOf(0, index + 1)) {
    yield { kind: "missing", path: row.pathOf(index, FULL_WIDTH), problem: "is missing" };
  }
  if (row.partialWidth > 0 && !row.seenPartial) {
    yield { kind: "missing", path: row.pathOf(row.full, row.partialWidth), problem: "is missing" };
  }
}
