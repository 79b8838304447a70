/** Selects the faulty objects that can be repaired: those of the trusted tree. */

import {
  bundlePath,
  type EntryBundleCoordinate,
  FULL_WIDTH,
  issuerPath,
  type LogFormat,
  parseResourcePath,
  rightEdge,
  type TileCoordinate,
  tilePath,
  tileWidth,
} from "../../tlog/layout.ts";
import { isOfTree } from "../target/listing-check.ts";
import { edgeName } from "../tree/tiled-tree.ts";

/** An object that the tree of a log, or an entry of it, commits to. */
export type Repairable =
  | { readonly kind: "tile"; readonly path: string; readonly tile: TileCoordinate }
  | {
      readonly kind: "bundle";
      readonly path: string;
      readonly bundle: EntryBundleCoordinate;
      /** Static CT: a bundle is right only if the copy has all its issuers. */
      readonly hasAllIssuers?: boolean;
    }
  | { readonly kind: "issuer"; readonly path: string; readonly fingerprint: string };

const FINGERPRINT = /^issuer\/([0-9a-f]{64})$/;

/**
 * The repairable ones among faulty paths, each once: upper tiles first, since they authenticate what is below, and then
 * from left to right. Paths beyond the tree, of obsolete objects, or of other files are skipped.
 * @param paths of which the issuers are those that authentic entries name.
 */
export function repairableIn(paths: Iterable<string>, format: LogFormat, size: number): Repairable[] {
  const found = new Map<string, Repairable>();
  for (const path of paths) {
    for (const object of repairableAt(path, format, size)) found.set(object.path, object);
  }
  return [...found.values()].toSorted((a, b) => rank(a) - rank(b) || position(a) - position(b));
}

function repairableAt(path: string, format: LogFormat, size: number): Repairable[] {
  // If the right edge does not give the root, it is unknown which of its tiles is wrong.
  if (path === edgeName(size)) {
    return rightEdge(size).map((tile) => ({ kind: "tile", path: tilePath(tile), tile }));
  }
  const [, fingerprint] = FINGERPRINT.exec(path) ?? [];
  if (fingerprint !== undefined) return [{ kind: "issuer", path: issuerPath(fingerprint), fingerprint }];
  const resource = parseResourcePath(path);
  if (resource === undefined || !isOfTree(resource, format, size)) return [];
  return resource.kind === "tile"
    ? [{ kind: "tile", path, tile: resource.tile }]
    : [{ kind: "bundle", path, bundle: resource.bundle }];
}

/** The bundle that contains an entry: if it names an issuer that exists nowhere, the bundle is wrong. */
export function bundleOf(entry: number, format: LogFormat, size: number): Repairable {
  const index = Math.floor(entry / FULL_WIDTH);
  const bundle = { index, width: tileWidth(size, 0, index) };
  return { kind: "bundle", path: bundlePath(format, bundle), bundle, hasAllIssuers: true };
}

function rank(object: Repairable): number {
  if (object.kind === "tile") return -object.tile.level;
  return object.kind === "bundle" ? 1 : 2;
}

function position(object: Repairable): number {
  if (object.kind === "issuer") return 0;
  return object.kind === "tile" ? object.tile.index : object.bundle.index;
}
