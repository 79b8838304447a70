/** Copies the tree of one checkpoint: bundles and their tiles, seals, upper tiles; then checks the target. */

import { FormatError } from "../../tlog/errors.ts";
import {
  bundlePath,
  FULL_WIDTH,
  fullTileCount,
  levelCount,
  partialTile,
  tilePath,
} from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";
import { firstKeptBundle } from "../../tlog/pruning.ts";
import { startThreads, threadCount } from "../execute/threads.ts";
import type { Executor } from "../ports/executor.ts";
import type { HashTree, ReadHints, TreeHead } from "../ports/source.ts";
import type { SpaceNeeded } from "../ports/target.ts";
import { openTree, readAuthentic, withParts } from "../read/authentic.ts";
import type { ReadContext } from "../read/context.ts";
import { inFormatOfLog } from "../read/format.ts";
import { unlessPruned } from "../read/pruned.ts";
import type { CopySession } from "../session.ts";
import { requireSameGuarantees, Seals } from "../target/seals.ts";
import { storedTiles } from "../target/stored-log.ts";
import { requireEdge } from "../tree/tiled-tree.ts";
import { planPart, planUnits, unitBundles, unitOf } from "../tree/units.ts";
import { expectedBundles } from "../unit/expected-bundle.ts";

/** Number of upper tiles that are made durable together. */
const TILES_A_BATCH = 64;

/** Number of bundles, evenly spread over the log, whose sizes are read for an estimate. */
export const SAMPLES = 5;

/** A round of copying with its tree authenticated and nothing of it written yet. */
export interface Round {
  readonly aim: TreeHead;
  readonly tree: HashTree;
  /** Entries that an earlier round has copied. */
  readonly done: number;
  /** Started while the tree was authenticated. */
  readonly workers: Executor;
  /** Only a first copy may run out of space. */
  readonly space: Promise<SpaceNeeded> | undefined;
}

export interface RoundOptions {
  readonly resume: boolean;
  readonly isNew?: boolean;
  readonly done?: number;
  readonly known?: HashTree | undefined;
}

/**
 * Authenticates a tree while the threads for it start, which takes about as long.
 * @param resume whether objects may be in place already.
 * @param done entries that an earlier round of this run has copied: they are left alone.
 * @param known the tree, where it is authenticated.
 * @param isNew whether it is still unknown that the source has entries of this format: then its first bundle is read.
 * @throws UsageError if the log has the other format.
 */
export async function beginRound(
  session: CopySession,
  aim: TreeHead,
  { resume, isNew = false, done = 0, known }: RoundOptions,
): Promise<Round> {
  const { context, progress, issuers, guarantees } = session;
  progress.phase = "authenticating the tree";
  progress.startRound(aim.size, done);
  if (resume && done === 0) await issuers?.recall(guarantees.allowMissingIssuers, aim.size);
  const workers = await startWorkers(session, aim.size - done, resume);
  try {
    // At the same time: each takes several round trips to a distant source.
    const first = isNew ? readEarly(context, aim.size) : undefined;
    const space = resume ? undefined : estimateSpace(context, aim.size, first);
    // If the tree is wrong, that is reported first, and nothing may await this promise.
    space?.catch(() => {});
    // A new target has no tiles yet, and may not even exist.
    const tree = known ?? (await openTree(context, aim, resume ? storedTiles(session) : undefined));
    if (first !== undefined) await requireFirstBundle(context, tree, await first);
    return { aim, tree, done, workers, space };
  } catch (error) {
    await session.threads.close();
    throw error;
  }
}

/** The threads for so many entries, which are started unless they are there. */
export async function startWorkers(
  { issuers, options, parallelism, readSpec, targetSpec, guarantees, progress, threads }: CopySession,
  entries: number,
  resume: boolean,
): Promise<Executor> {
  const copy = { tiles: options.tiles ?? "derive", resume };
  const missingIssuers = issuers?.missing() ?? [];
  const takesDeniedIssuers = guarantees.allowMissingIssuers;
  const spec = { ...readSpec, ...guarantees, missingIssuers, takesDeniedIssuers, target: targetSpec, copy };
  return await threads.atLeast(threadCount(entries, parallelism), () =>
    startThreads(spec, entries, parallelism, progress.threads, progress.retried),
  );
}

/** Reads the first bundle before there is a tree to authenticate it; undefined if the first attempt failed. */
async function readEarly(
  { source, signal, minIndex = 0 }: ReadContext,
  size: number,
): Promise<Uint8Array | undefined> {
  const bundle = firstKeptBundle(size, minIndex);
  return bundle && source.entryBundle(bundle, { signal }).catch(() => undefined);
}

/** @param early the bundle's bytes, read together with the tree. @throws UsageError if the log has the other format. */
export async function requireFirstBundle(
  context: ReadContext,
  tree: HashTree,
  early?: Uint8Array,
): Promise<void> {
  const { source, minIndex = 0 } = context;
  const bundle = firstKeptBundle(tree.head.size, minIndex);
  const unit = bundle && (await unlessPruned(unitOf(tree, bundle)));
  if (unit === undefined) return;
  if (early === undefined) await inFormatOfLog(context, tree.head.size, source.format);
  let bytes = early;
  for (const { coordinate, authenticate } of expectedBundles(unit, source.format)) {
    const path = bundlePath(source.format, coordinate);
    const read = async (hints: ReadHints): Promise<Uint8Array | undefined> => {
      const found = bytes ?? (await source.entryBundle(coordinate, withParts(context, path, hints)));
      bytes = undefined;
      return found;
    };
    await unlessPruned(readAuthentic(context, path, read, authenticate));
  }
}

/**
 * Copies what a round lacks in the target.
 * @param minIndex the marker's, see `Seals`.
 */
export async function copyTree(session: CopySession, round: Round, minIndex: number): Promise<void> {
  try {
    await copyBelowSeals(session, round, minIndex);
  } catch (error) {
    await session.threads.close();
    throw error;
  }
  session.progress.phase = "writing the upper tiles";
  await writeUpperTiles(session, round);
}

/**
 * Copies every bundle that no seal covers, and writes the seals.
 * @param tiles only what is below these full level-1 tiles, by their indexes, in the order in which they are copied.
 */
export async function copyBelowSeals(
  session: CopySession,
  { aim, tree, done, workers, space }: Round,
  minIndex: number,
  tiles?: Iterable<number>,
): Promise<void> {
  const { context, target, progress, parallelism, issuers, guarantees } = session;
  if (space !== undefined) await target.requireFreeSpace(await space);
  progress.phase = "copying";
  const prepareSeal = async (): Promise<void> => {
    if (issuers === undefined) return;
    await issuers.store();
    await requireSameGuarantees(target, guarantees);
  };
  const seals = new Seals(tree, session.writer(), progress, prepareSeal, session.knownSeals, minIndex);
  const bundlesAUnit = unitBundles(aim.size - done, parallelism.workers);
  // The target may be the last to have what is below a minimum index.
  const isPruned = minIndex > 0 || (context.minIndex ?? 0) > 0;
  const units =
    tiles === undefined
      ? planUnits(tree, bundlesAUnit, seals, progress.pruned, done)
      : planPart(tree, tiles, bundlesAUnit, seals, progress.pruned, !isPruned);
  const running = progress.seals.during(units, (begun) => workers.run(begun, context.signal));
  for await (const [unit, result] of running) {
    issuers?.add(result.issuers);
    seals.finished(unit);
    progress.durableEntries += unit.kind === "edge" ? unit.bundle.width : unit.hashes.length * FULL_WIDTH;
  }
  await seals.settled();
  await issuers?.store();
  // What parts had listed was recalled before, and is in the list that was just stored.
  if (session.role === "alone") await session.issuerLists?.removeParts();
}

/** Writes the tiles above the seals, and the right edge; all are durable when it resolves. */
async function writeUpperTiles(session: CopySession, round: Round): Promise<void> {
  const writer = session.writer();
  let batch = writer.batch();
  let staged = 0;
  for await (const [path, hashes] of upperTiles(round)) {
    await batch.put(path, hashes);
    if (++staged % TILES_A_BATCH === 0) {
      await batch.commit();
      batch = writer.batch();
    }
  }
  await batch.commit();
}

/** The full tiles of level 2 and up, and the partial tiles of level 1 and up. */
async function* upperTiles({ tree, done }: Round): AsyncGenerator<[path: string, hashes: Uint8Array]> {
  for (let level = 1; level < levelCount(tree.head.size); level++) {
    const full = level === 1 ? 0 : fullTileCount(tree.head.size, level);
    for (let index = fullTileCount(done, level); index < full; index++) {
      const hashes = await unlessPruned(tree.fullTile(level, index));
      if (hashes !== undefined) yield [tilePath({ level, index, width: FULL_WIDTH }), hashes];
    }
    const partial = partialTile(tree.head.size, level);
    if (partial !== undefined) yield [tilePath(partial), requireEdge(tree, level)];
  }
}

/**
 * The bytes and objects of all bundles of a log with their tiles. Entries differ in size, so this is an estimate from a
 * few unauthenticated bundles; only the check of free space depends on it.
 * @param first the first bundle that a pruned log must have, if it is already being read.
 */
async function estimateSpace(
  context: ReadContext,
  size: number,
  first?: Promise<Uint8Array | undefined>,
): Promise<SpaceNeeded> {
  const end = fullTileCount(size, 0);
  const kept = Math.min(end, Math.floor((context.minIndex ?? 0) / FULL_WIDTH));
  const [below, above] = await Promise.all([
    estimatePart(context, 0, kept),
    estimatePart(context, kept, end, first),
  ]);
  return { bytes: below.bytes + above.bytes, objects: below.objects + above.objects };
}

/** The same for the bundles from `start` to `end`. Pruned bundles take no space. */
async function estimatePart(
  context: ReadContext,
  start: number,
  end: number,
  first?: Promise<Uint8Array | undefined>,
): Promise<SpaceNeeded> {
  const bundles = end - start;
  const samples = Math.min(context.source.hasCostlyBundles ? 1 : SAMPLES, bundles);
  if (samples === 0) return { bytes: 0, objects: 0 };
  const step = (bundles - 1) / Math.max(1, samples - 1);
  const sizes = await Promise.all(
    Array.from({ length: samples }, async (_, i) => {
      const early = i === 0 ? await first : undefined;
      return early?.length || (await unlessPruned(bundleBytes(context, start + Math.floor(i * step))));
    }),
  );
  const present = sizes.filter((bytes) => bytes !== undefined);
  const mean = present.reduce((sum, bytes) => sum + bytes + FULL_WIDTH * HASH_SIZE, 0) / samples;
  const objects = Math.round((2 * bundles * present.length) / samples);
  return { bytes: Math.round(bundles * mean), objects };
}

function bundleBytes(context: ReadContext, index: number): Promise<number> {
  const bundle = { index, width: FULL_WIDTH };
  const path = bundlePath(context.source.format, bundle);
  const read = (hints: ReadHints) => context.source.entryBundle(bundle, withParts(context, path, hints));
  return readAuthentic(context, path, read, (bytes) => {
    if (bytes.length === 0) throw new FormatError("is empty");
    return bytes.length;
  });
}
