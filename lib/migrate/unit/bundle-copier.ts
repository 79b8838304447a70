/**
 * Copies a unit: fetches each bundle, authenticates it, stores it with its level-0 tile, and makes all of them
 * durable. Entry bytes never leave the thread.
 */

import { maxBundleSize } from "../../tlog/bundle.ts";
import { FormatError } from "../../tlog/errors.ts";
import { bundlePath, type EntryBundleCoordinate, tilePath } from "../../tlog/layout.ts";
import { equalBytes, HASH_SIZE } from "../../tlog/merkle.ts";
import { MAX_OBJECT_BYTES } from "../ports/source.ts";
import { type TargetBatch, type TargetWriter, WriteAgainError } from "../ports/target.ts";
import { readAuthentic } from "../read/authentic.ts";
import type { Reservation } from "../read/byte-budget.ts";
import { unlessPruned } from "../read/pruned.ts";
import { type AuthenticBundle, type BundleWork, type ExpectedBundle, readBundle } from "./expected-bundle.ts";
import { copyTileAlone } from "./pruned-bundle.ts";

/** Where level-0 tiles come from: derived from the bundles, or fetched as well and compared. */
export type TileOrigin = "derive" | "fetch";

/** How bundles are copied; plain data. */
export interface CopyTask {
  readonly tiles: TileOrigin;
  /** Look in the target before asking the source: an earlier run may have left objects there. */
  readonly resume: boolean;
}

export interface CopyWork extends CopyTask, BundleWork {
  readonly writer: TargetWriter;
}

/**
 * Copies the bundles of a unit; when it resolves, they are durable in the target.
 * @param areLikelyNew see `BundleRun`.
 */
export async function copyBundles(
  work: CopyWork,
  bundles: readonly ExpectedBundle[],
  areLikelyNew = false,
): Promise<void> {
  const isNew = work.resume && areLikelyNew && !(await hasBegun(work, bundles));
  try {
    await copyOnce(isNew ? { ...work, resume: false } : work, bundles);
  } catch (error) {
    if (!(error instanceof WriteAgainError)) throw error;
    await copyOnce(work, bundles);
  }
}

/** Whether an earlier run seems to have stored some of these bundles: it began with the first. */
async function hasBegun({ writer }: CopyWork, [first]: readonly ExpectedBundle[]): Promise<boolean> {
  if (first === undefined) return false;
  const { coordinate } = first;
  const path = tilePath({ level: 0, ...coordinate });
  return (await writer.read(path, coordinate.width * HASH_SIZE)) !== undefined;
}

async function copyOnce(work: CopyWork, bundles: readonly ExpectedBundle[]): Promise<void> {
  const batch = work.writer.batch();
  try {
    const copies = bundles.map((bundle) => work.limit(() => copyBundle(work, bundle, batch)));
    // All must have ended before the batch ends: a late one would write into an abandoned batch.
    for (const result of await Promise.allSettled(copies)) {
      if (result.status === "rejected") throw result.reason;
    }
    await batch.commit();
  } catch (error) {
    await batch.abandon();
    throw error;
  }
}

async function copyBundle(work: CopyWork, bundle: ExpectedBundle, batch: TargetBatch): Promise<void> {
  const { context, budget, resume, tiles, writer } = work;
  const { source, counters, signal } = context;
  const { coordinate } = bundle;
  signal.throwIfAborted();
  const reservation = budget.reserve();
  try {
    const found = resume ? await findInPlace(work, bundle, batch, reservation) : undefined;
    const copied = found ?? (await unlessPruned(readBundle(context, bundle, reservation, writer.storesGzip)));
    if (copied === undefined) return await copyTileAlone(work, bundle, batch);
    const { bytes, leafHashes, gzip } = copied;
    if (tiles === "fetch") await unlessPruned(compareTile(work, coordinate, leafHashes));
    if (found === undefined) await batch.put(bundlePath(source.format, coordinate), bytes, gzip);
    await putTile(work, coordinate, leafHashes, batch);
    counters.add(found ? "resumedEntries" : "entries", coordinate.width);
    if (!found) counters.add("bytesStored", bytes.length + leafHashes.length);
  } finally {
    reservation.release();
  }
}

/** The bundle that an earlier run stored, if it is correct; wrong bytes are leftovers of a crash. */
async function findInPlace(
  { writer, context }: CopyWork,
  { coordinate, authenticate }: ExpectedBundle,
  batch: TargetBatch,
  reservation: Reservation,
): Promise<AuthenticBundle | undefined> {
  const { format } = context.source;
  const path = bundlePath(format, coordinate);
  const bytes = await writer.read(path, Math.min(maxBundleSize(format, coordinate.width), MAX_OBJECT_BYTES));
  if (bytes === undefined) return undefined;
  await reservation.atLeast(bytes.length);
  let found: AuthenticBundle;
  try {
    found = await authenticate(bytes, false);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    context.counters.add("replacedObjects", 1);
    return undefined;
  }
  await batch.keep(path, found.bytes);
  return found;
}

async function putTile(
  { resume, writer, context }: CopyWork,
  coordinate: EntryBundleCoordinate,
  leafHashes: Uint8Array,
  batch: TargetBatch,
): Promise<void> {
  const path = tilePath({ level: 0, ...coordinate });
  const found = resume ? await writer.read(path, leafHashes.length) : undefined;
  if (found !== undefined && equalBytes(found, leafHashes)) return await batch.keep(path, leafHashes);
  if (found !== undefined) context.counters.add("replacedObjects", 1);
  await batch.put(path, leafHashes);
}

/** Fetches a level-0 tile whose hashes are already known, to compare it. */
async function compareTile(
  { context }: CopyWork,
  coordinate: EntryBundleCoordinate,
  leafHashes: Uint8Array,
): Promise<void> {
  const tile = { level: 0, ...coordinate };
  const read = context.source.tile.bind(context.source, tile);
  await readAuthentic(context, tilePath(tile), read, (hashes) => {
    if (!equalBytes(hashes, leafHashes)) throw new FormatError("is not the leaf hashes of its entry bundle");
  });
}
