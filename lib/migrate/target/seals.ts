/**
 * Promise 2: the target is its own journal. A full level-1 tile seals the 256 bundles and the 256 level-0 tiles below
 * it, and is written only when they are durable. Runs of a Static CT copy may be stricter or laxer; a seal must never be
 * taken for a stricter one than its run enforced. Of a pruned log, level-1 tiles below the minimum index in the marker
 * are not seals, since bundles below them may be missing: every run checks the objects below them.
 */

import { TargetRefusedError } from "../../errors.ts";
import {
  ENTRIES_PER_SEAL,
  FULL_WIDTH,
  fullTileCount,
  parseResourcePath,
  tilePath,
} from "../../tlog/layout.ts";
import { equalBytes, foldTile, HASH_SIZE } from "../../tlog/merkle.ts";
import { firstWholeRun } from "../../tlog/pruning.ts";
import type { IssuerLists } from "../issuers/lists.ts";
import type { WorkUnit } from "../ports/executor.ts";
import type { HashTree } from "../ports/source.ts";
import type { MigrationTarget, TargetBatch, TargetWriter } from "../ports/target.ts";
import type { Progress } from "../report/progress.ts";
import {
  claimAdvice,
  type Marker,
  parseMarker,
  replaceMarker,
  type SealGuarantees,
  type StoredMarker,
} from "./marker.ts";

/** Finds the seals of a target, and writes those that are due. */
export class Seals {
  readonly #tree: HashTree;
  readonly #writer: TargetWriter;
  readonly #progress: Pick<Progress, "own" | "seals" | "foundAgain">;
  readonly #prepare: () => Promise<void>;
  readonly #known: Set<number>;
  readonly #first: number;
  /** Level-1 tiles whose bundles are being copied. */
  readonly #open = new Map<number, { readonly hashes: Uint8Array; bundlesLeft: number }>();
  readonly #writing = new Set<Promise<void>>();
  #failure: unknown;

  /**
   * @param prepare called before a seal is written; if it fails the seal is not written.
   * @param known seals that this run has written, or found in an earlier round.
   * @param minIndex the marker's: objects below it may be missing, and level-1 tiles there seal nothing.
   */
  constructor(
    tree: HashTree,
    writer: TargetWriter,
    progress: Pick<Progress, "own" | "seals" | "foundAgain">,
    prepare: () => Promise<void> = async () => {},
    known: Set<number> = new Set(),
    minIndex = 0,
  ) {
    this.#tree = tree;
    this.#writer = writer;
    this.#progress = progress;
    this.#prepare = prepare;
    this.#known = known;
    this.#first = firstWholeRun(minIndex);
  }

  /** Whether the target has this seal, which is then made durable. Other bytes under its name will be replaced. */
  async isSealed(index: number): Promise<boolean> {
    if (index < this.#first) return false;
    const path = sealPath(index);
    const found = await this.#writer.read(path, FULL_WIDTH * HASH_SIZE);
    if (found === undefined) return false;
    const expected = await this.#tree.hashOf(1, index);
    if (found.length !== FULL_WIDTH * HASH_SIZE || !equalBytes(foldTile(found), expected)) {
      this.#progress.own.add("replacedObjects", 1);
      return false;
    }
    await this.#commit((batch) => batch.keep(path, found));
    const { own, seals } = this.#progress;
    own.add("resumedEntries", ENTRIES_PER_SEAL);
    if (this.#known.has(index)) this.#progress.foundAgain += ENTRIES_PER_SEAL;
    else own.add("sealedEntries", ENTRIES_PER_SEAL);
    this.#known.add(index);
    seals.skipped(index);
    return true;
  }

  /** @param durable bundles below it that are in place, with their tiles. */
  open(index: number, hashes: Uint8Array, durable = 0): void {
    this.#open.set(index, { hashes, bundlesLeft: FULL_WIDTH - durable });
    this.#progress.seals.opened(index);
  }

  /** Counts a durable unit, and writes the seal if it was the seal's last one. @throws an earlier failure. */
  finished(unit: WorkUnit): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (unit.kind === "edge") return;
    const index = Math.floor(unit.firstBundle / FULL_WIDTH);
    const seal = this.#open.get(index);
    if (seal === undefined) return;
    seal.bundlesLeft -= unit.hashes.length;
    if (seal.bundlesLeft < 0) throw new Error(`more than 256 bundles below level-1 tile ${index}`);
    if (seal.bundlesLeft > 0) return;
    this.#open.delete(index);
    const writing = this.#write(index, seal.hashes).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  /** Resolves when every due seal is durable. @throws the first failure. */
  async settled(): Promise<void> {
    await Promise.all(this.#writing);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #write(index: number, hashes: Uint8Array): Promise<void> {
    try {
      await this.#prepare();
      await this.#commit((batch) => batch.put(sealPath(index), hashes));
      this.#known.add(index);
      this.#progress.seals.sealed(index);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  async #commit(add: (batch: TargetBatch) => void | Promise<void>): Promise<void> {
    const batch = this.#writer.batch();
    await add(batch);
    await batch.commit();
  }
}

function sealPath(index: number): string {
  return tilePath({ level: 1, index, width: FULL_WIDTH });
}

/** @param path of a level-1 tile, or of anything else in its directory. */
function isSeal(path: string, minIndex: number): boolean {
  const resource = parseResourcePath(path);
  return resource?.kind !== "tile" || resource.tile.index >= firstWholeRun(minIndex);
}

/** What a run requires of existing seals. */
export interface SealsWanted extends SealGuarantees {
  /** The size of the log. */
  readonly size: number;
  /** Trust no seal: read all objects below them again. */
  readonly recheck: boolean;
}

/**
 * Whether none of the seals that a target has counts for a run.
 * @param lists of the issuers of a Static CT log.
 */
export async function guaranteeTooLittle(
  lists: IssuerLists | undefined,
  marker: Marker,
  { allowMissingIssuers, deep, size, recheck }: SealsWanted,
): Promise<boolean> {
  return (
    recheck ||
    marker.distrustSeals ||
    (marker.allowMissingIssuers && !allowMissingIssuers) ||
    (deep && !marker.deep) ||
    // Without the list it is unknown which issuers the target must have.
    (lists !== undefined && (await lists.read(size)) === undefined)
  );
}

/**
 * The seals that a target has of a tree with so many full level-1 tiles, by their names and lengths: nothing is read.
 * @param minIndex the marker's.
 */
export async function sealedTiles(
  target: Pick<MigrationTarget, "list">,
  tiles: number,
  minIndex: number,
): Promise<Set<number>> {
  const first = firstWholeRun(minIndex);
  const found = await fullTilesIn(target, "tile/1");
  return new Set([...found].filter((index) => index >= first && index < tiles));
}

/** The indexes of the full level-1 tiles that are in a directory of that level. */
export async function fullTilesIn(
  target: Pick<MigrationTarget, "list">,
  directory: string,
): Promise<Set<number>> {
  const found = new Set<number>();
  for await (const { path, bytes } of target.list(directory)) {
    const resource = parseResourcePath(path);
    if (resource?.kind !== "tile" || bytes !== FULL_WIDTH * HASH_SIZE) continue;
    const { level, width, index } = resource.tile;
    if (level === 1 && width === FULL_WIDTH) found.add(index);
  }
  return found;
}

/** How many seals a target has of a tree of `size` entries, see `sealedTiles`. */
export async function countSeals(
  target: Pick<MigrationTarget, "list">,
  size: number,
  minIndex: number,
): Promise<number> {
  return (await sealedTiles(target, fullTileCount(size, 1), minIndex)).size;
}

/**
 * Removes the seals of a target if they must not be trusted: if another tool or a laxer run wrote them, or if the
 * operator wants all objects to be read again. Until all seals are removed, the marker says that they are not trusted:
 * after a crash, the next run removes the rest.
 */
export async function trustedSeals(
  target: MigrationTarget,
  lists: IssuerLists | undefined,
  marker: StoredMarker,
  wanted: SealsWanted,
): Promise<StoredMarker> {
  const { allowMissingIssuers, deep, recheck } = wanted;
  let current = marker;
  if (await guaranteeTooLittle(lists, marker, wanted)) {
    // If this run is interrupted, the next one checks the rest again without --recheck.
    if (recheck) current = await replaceMarker(target, marker, { distrustSeals: true });
    for await (const { path } of target.list("tile/1")) {
      // Tiles that are not seals are not trusted anyway, and a pruned log may have nothing to replace them with.
      if (isSeal(path, marker.minIndex)) await target.remove(path);
    }
  } else if (marker.allowMissingIssuers === allowMissingIssuers && marker.deep === deep) return marker;
  return await replaceMarker(target, current, { distrustSeals: false, allowMissingIssuers, deep });
}

/**
 * Called before a seal is written: a copy that was suspended while a stricter one started must not write laxer seals.
 * @throws TargetRefusedError unless the marker still has this run's guarantees.
 */
export async function requireSameGuarantees(
  target: MigrationTarget,
  { allowMissingIssuers, deep }: SealGuarantees,
): Promise<void> {
  const contents = await target.inspect();
  if (contents.kind === "claimed") {
    const marker = parseMarker(contents.marker, target.location, claimAdvice(target.markerName));
    if (marker.allowMissingIssuers === allowMissingIssuers && marker.deep === deep) return;
  }
  throw new TargetRefusedError({
    object: target.location,
    problem: "is being written by another copy with other options",
    advice: "Wait until the other copy ends, then run this command again",
  });
}
