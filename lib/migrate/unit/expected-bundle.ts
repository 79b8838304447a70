/** The bundles of a unit, and the hashes that authenticate them. */

import type { LimitFunction } from "p-limit";
import { FormatError } from "../../tlog/errors.ts";
import { type BundleHashes, hashBundle } from "../../tlog/hasher/hasher.ts";
import { bundlePath, type EntryBundleCoordinate, FULL_WIDTH, type LogFormat } from "../../tlog/layout.ts";
import { equalBytes } from "../../tlog/merkle.ts";
import type { WorkUnit } from "../ports/executor.ts";
import type { ReadHints } from "../ports/source.ts";
import { readAuthentic, withParts } from "../read/authentic.ts";
import type { ByteBudget, Reservation } from "../read/byte-budget.ts";
import type { ReadContext } from "../read/context.ts";
import { requireHash } from "../tree/tiled-tree.ts";

/** What a thread needs to work on bundles. */
export interface BundleWork {
  readonly context: ReadContext;
  readonly budget: ByteBudget;
  /** Budget of the bundles in flight in this thread. */
  readonly limit: LimitFunction;
}

export interface AuthenticBundle {
  readonly bytes: Uint8Array;
  readonly leafHashes: Uint8Array;
  /** What the source has of it, where that may be gzip of the bytes; it is not checked. */
  readonly gzip?: Uint8Array | undefined;
}

export interface ExpectedBundle {
  readonly coordinate: EntryBundleCoordinate;
  /** The hash that its leaf hashes fold to; undefined at the right edge, where the leaf hashes themselves are known. */
  readonly hash: Uint8Array | undefined;
  /** Checks bytes, extra data included. @throws FormatError, or rejects with it, unless they are this bundle. */
  authenticate(bytes: Uint8Array, isFresh: boolean): AuthenticBundle | Promise<AuthenticBundle>;
}

/**
 * The bundles of a unit, from left to right.
 * @param checkExtraData checks the extra data, which no leaf hash covers. Returns undefined if done synchronously.
 */
export function expectedBundles(
  unit: WorkUnit,
  format: LogFormat,
  checkExtraData: (
    bytes: Uint8Array,
    coordinate: EntryBundleCoordinate,
    isFresh: boolean,
  ) => Promise<void> | undefined = () => undefined,
): ExpectedBundle[] {
  const expected = (
    coordinate: EntryBundleCoordinate,
    hash: Uint8Array | undefined,
    requireRight: (hashes: BundleHashes) => void,
  ): ExpectedBundle => ({
    coordinate,
    hash,
    authenticate(bytes, isFresh) {
      const hashes = hashBundle(format, bytes, coordinate.width);
      requireRight(hashes);
      const authentic = { bytes, leafHashes: hashes.leafHashes };
      return checkExtraData(bytes, coordinate, isFresh)?.then(() => authentic) ?? authentic;
    },
  });
  if (unit.kind === "edge") {
    const known = Buffer.from(unit.leafHashes, "base64");
    const edge = expected(unit.bundle, undefined, ({ leafHashes }) => {
      if (equalBytes(leafHashes, known)) return;
      throw new FormatError("does not hash to the level-0 tile that the tree commits to");
    });
    return [edge];
  }
  return unit.hashes.map((base64, i) => {
    const hash = Buffer.from(base64, "base64");
    const coordinate = { index: unit.firstBundle + i, width: FULL_WIDTH };
    return expected(coordinate, hash, ({ root }) => requireHash(root as Uint8Array, hash));
  });
}

/**
 * Reads a bundle from the source until it is authentic.
 * @param wantsGzip whether it is to be stored compressed, as the source has it.
 */
export async function readBundle(
  context: ReadContext,
  { coordinate, authenticate }: ExpectedBundle,
  reservation: Reservation,
  wantsGzip = false,
): Promise<AuthenticBundle> {
  const { source } = context;
  const path = bundlePath(source.format, coordinate);
  let gzip: Uint8Array | undefined;
  const onGzip = (stored: Uint8Array | undefined): void => {
    gzip = stored;
  };
  const read = (hints: ReadHints) => {
    gzip = undefined;
    return source.entryBundle(coordinate, withParts(context, path, wantsGzip ? { ...hints, onGzip } : hints));
  };
  const authentic = await readAuthentic(context, path, read, authenticate, reservation);
  return wantsGzip ? { ...authentic, gzip } : authentic;
}
