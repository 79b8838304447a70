/** Promise 3, before the handover: checks the target itself, independently of all earlier checks. */

import pLimit from "p-limit";
import { VerificationError } from "../../errors.ts";
import {
  FULL_WIDTH,
  fullTileCount,
  ISSUER_DIRECTORY,
  type LogFormat,
  levelCount,
  tilePath,
} from "../../tlog/layout.ts";
import { type HashTree, MAX_OBJECT_BYTES, type TreeHead } from "../ports/source.ts";
import type { MigrationTarget, StoredObject } from "../ports/target.ts";
import { openTree } from "../read/authentic.ts";
import { unlessPruned } from "../read/pruned.ts";
import { type CopySession, MAIN_THREAD_CONCURRENCY } from "../session.ts";
import { Absences } from "./absences.ts";
import {
  compareListing,
  coordinateOf,
  counted,
  directoriesOfGrowth,
  type ListingFinding,
} from "./listing-check.ts";
import { listingCuts } from "./listing-cuts.ts";
import { SharedObjects } from "./shared-objects.ts";
import { storedLog } from "./stored-log.ts";

export interface TargetCheckOptions {
  /**
   * The size of a tree that was checked there, and that this one begins with: only what has been added is looked at.
   * This run has held the lock since, or a checkpoint of it was published then, and what is full never changes. Default: 0.
   */
  readonly since?: number;
  /** See `ListedLog`. */
  readonly grownTo?: () => number;
  /** See `ListOptions`. */
  readonly isLowPriority?: () => boolean;
  /** Called with each object that was looked at. */
  listed?(object: StoredObject): void;
}

/**
 * Checks the target against a tree: every object exists and has the right size, none is beyond the tree, and its own
 * tiles of level 1 and up give the root.
 * @returns what it lacks of a pruned log, of what was looked at.
 * @throws VerificationError for the first object that is wrong.
 */
export async function checkTarget(
  session: CopySession,
  head: TreeHead,
  { since = 0, grownTo, isLowPriority, listed }: TargetCheckOptions = {},
): Promise<Absences> {
  const { target, options, context } = session;
  const writer = session.writer();
  const shared = new SharedObjects(writer);
  const listing = counted(
    listTiles(target, options.format, since, head.size, isLowPriority),
    context,
    (object) => {
      shared.note(object);
      listed?.(object);
    },
  );
  const absences = new Absences(context.minIndex);
  const findings = compareListing(listing, {
    format: options.format,
    size: head.size,
    since,
    ...(grownTo && { grownTo }),
    read: (path) => writer.read(path, MAX_OBJECT_BYTES),
    obsolete: (object, bytes) => shared.separate(object, bytes),
    absences,
  });
  for await (const finding of findings) {
    const { path, problem } = finding;
    throw new VerificationError({
      object: target.locate(path),
      problem,
      advice: adviceFor(target, finding, head),
    });
  }
  if (since === 0) await reportShared(session, shared);
  try {
    await readUpperTiles(await openTree(storedLog(session), head), since);
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    throw new VerificationError({ ...error.facts, advice: CHANGED_SINCE }, { cause: error });
  }
  return absences;
}

/** Authenticates all full tiles of level 1 and up that a tree of size `since` does not have, from the top down. */
async function readUpperTiles(tree: HashTree, since: number): Promise<void> {
  // One after the other, those of a billion entries would take minutes in a store that is far away.
  const limit = pLimit(MAIN_THREAD_CONCURRENCY);
  for (let level = levelCount(tree.head.size) - 1; level >= 1; level--) {
    const start = fullTileCount(since, level);
    const indexes = Array.from({ length: fullTileCount(tree.head.size, level) - start }, (_, i) => start + i);
    try {
      // Nothing of them is kept: together they have 8 KiB for each 65,536 entries.
      await limit.map(indexes, async (index) => void (await unlessPruned(tree.fullTile(level, index))));
    } finally {
      limit.clearQueue();
    }
  }
}

/** What a log of `size` entries has, and one of `since` does not; all of it where that is 0. */
async function* listTiles(
  target: MigrationTarget,
  format: LogFormat,
  since: number,
  size: number,
  isLowPriority: (() => boolean) | undefined,
): AsyncGenerator<StoredObject> {
  if (since === 0)
    yield* target.list("tile", { cuts: listingCuts(format, size), ...(isLowPriority && { isLowPriority }) });
  else for (const directory of directoriesOfGrowth(format, since, size)) yield* target.list(directory);
}

async function reportShared({ target, options }: CopySession, shared: SharedObjects): Promise<void> {
  if (options.format === "static-ct") {
    for await (const object of target.list(ISSUER_DIRECTORY)) shared.note(object);
  }
  const notice = shared.notice();
  if (notice !== undefined) options.notice?.(notice, "warning");
}

const CHANGED_SINCE =
  "Something changed it after this run had stored it: find out what, then run the same command again, which repairs it";

const ORPHAN =
  "Run the same command with a source that has that tile; or remove the objects below it, and the rest is copied";

/** Advice for an object: one that the log does not have is removed; one below a seal is copied only if the seal is not trusted. */
function adviceFor(target: MigrationTarget, { kind, resource }: ListingFinding, head: TreeHead): string {
  if (kind === "orphan") return ORPHAN;
  if (kind === "beyond" || kind === "foreign" || kind === "obsolete") {
    return "The log does not need it: remove it, then run the same command again";
  }
  const isBelowSeals = resource.kind === "bundle" || resource.tile.level === 0;
  const seal = Math.floor(coordinateOf(resource).index / FULL_WIDTH);
  if (!isBelowSeals || seal >= fullTileCount(head.size, 1)) return CHANGED_SINCE;
  const sealPath = target.locate(tilePath({ level: 1, index: seal, width: FULL_WIDTH }));
  return (
    "Something changed what was sealed. Run the same command with --recheck: it reads all objects again, and what is missing or " +
    `wrong is copied again. If only this object was changed, it is quicker to remove its seal ${sealPath} ` +
    "and run the same command as before"
  );
}
