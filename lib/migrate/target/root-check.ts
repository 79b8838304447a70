/** Promise 3, before the handover: checks the target itself, independently of what was checked before. */

import { VerificationError } from "../../errors.ts";
import { FULL_WIDTH, fullTileCount, ISSUER_DIRECTORY, levelCount, tilePath } from "../../tlog/layout.ts";
import { MAX_OBJECT_BYTES, type TreeHead } from "../ports/source.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { openTree } from "../read/authentic.ts";
import { unlessPruned } from "../read/pruned.ts";
import type { CopySession } from "../session.ts";
import { Absences } from "./absences.ts";
import { compareListing, coordinateOf, counted, type ListingFinding } from "./listing-check.ts";
import { SharedObjects } from "./shared-objects.ts";
import { storedLog } from "./stored-log.ts";

/**
 * Checks the target against a tree: every object exists and has the right size, none is beyond the tree, and its own
 * tiles of level 1 and up give the root.
 * @returns what it lacks of a pruned log.
 * @throws VerificationError for the first object that is wrong.
 */
export async function checkTarget(session: CopySession, head: TreeHead): Promise<Absences> {
  const { target, options, context } = session;
  const writer = session.writer();
  const shared = new SharedObjects(writer);
  const listing = counted(target.list("tile"), context, (object) => shared.note(object));
  const read = (path: string) => writer.read(path, MAX_OBJECT_BYTES);
  const separate = shared.separate.bind(shared);
  const absences = new Absences(context.minIndex);
  for await (const finding of compareListing(listing, options.format, head.size, read, separate, absences)) {
    const { path, problem } = finding;
    throw new VerificationError({
      object: target.locate(path),
      problem,
      advice: adviceFor(target, finding, head),
    });
  }
  for await (const object of target.list(ISSUER_DIRECTORY)) shared.note(object);
  const notice = shared.notice();
  if (notice !== undefined) options.notice?.(notice, "warning");
  try {
    const tree = await openTree(storedLog(session), head);
    for (let level = levelCount(head.size) - 1; level >= 1; level--) {
      for (let index = 0; index < fullTileCount(head.size, level); index++) {
        await unlessPruned(tree.fullTile(level, index));
      }
    }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    throw new VerificationError({ ...error.facts, advice: CHANGED_SINCE }, { cause: error });
  }
  return absences;
}

const CHANGED_SINCE =
  "Something changed it after this run had stored it: find out what, then run the same command again, which repairs it";

const ORPHAN =
  "Run the same command from a source that has that tile; or remove what is below it, and what is left is copied";

/** How to repair an object: what no log has there is removed; what is below a seal is copied only if that is not trusted. */
function adviceFor(target: MigrationTarget, { kind, resource }: ListingFinding, head: TreeHead): string {
  if (kind === "orphan") return ORPHAN;
  if (kind === "beyond" || kind === "foreign" || kind === "obsolete") {
    return "The log does without it: remove it, then run the same command again";
  }
  const isBelowSeals = resource.kind === "bundle" || resource.tile.level === 0;
  const seal = Math.floor(coordinateOf(resource).index / FULL_WIDTH);
  if (!isBelowSeals || seal >= fullTileCount(head.size, 1)) return CHANGED_SINCE;
  const sealPath = target.locate(tilePath({ level: 1, index: seal, width: FULL_WIDTH }));
  return (
    "Something changed what was sealed. Run the same command with --recheck: all is read again, and what is missing or " +
    `wrong is copied again. If this is the one thing that was changed, it is quicker to remove its seal ${sealPath} ` +
    "and run the same command as before"
  );
}
