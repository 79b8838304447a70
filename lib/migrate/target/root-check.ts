/** Promise 3, before the handover: checks the target itself, independently of what was checked before. */

import { VerificationError } from "../../errors.ts";
import { FULL_WIDTH, fullTileCount, type LogResource, levelCount, tilePath } from "../../tlog/layout.ts";
import { MAX_OBJECT_BYTES, type TreeHead } from "../ports/source.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { openTree } from "../read/authentic.ts";
import type { CopySession } from "../session.ts";
import { compareListing, coordinateOf } from "./listing-check.ts";
import { storedLog } from "./stored-log.ts";

/**
 * Checks the target against a tree: every object exists and has the right size, none is beyond the tree, and its own
 * tiles of level 1 and up give the root.
 * @throws VerificationError for the first object that is wrong.
 */
export async function checkTarget(session: CopySession, head: TreeHead): Promise<void> {
  const { target, options, context } = session;
  const { signal } = context;
  const writer = session.writer();
  const listing = untilAborted(target.list("tile"), signal);
  const read = (path: string) => writer.read(path, MAX_OBJECT_BYTES);
  for await (const { path, problem, resource } of compareListing(listing, options.format, head.size, read)) {
    const advice = adviceFor(target, resource, head);
    throw new VerificationError({ object: target.locate(path), problem, advice });
  }
  const tree = await openTree(storedLog(session), head);
  for (let level = levelCount(head.size) - 1; level >= 1; level--) {
    for (let index = 0; index < fullTileCount(head.size, level); index++) await tree.fullTile(level, index);
  }
}

/** How to repair an object: one beyond the tree is removed; one below a seal is copied again without the seal. */
function adviceFor(target: MigrationTarget, resource: LogResource, head: TreeHead): string {
  const isBelowSeals = resource.kind === "bundle" || resource.tile.level === 0;
  const seal = Math.floor(coordinateOf(resource).index / FULL_WIDTH);
  if (!isBelowSeals || seal >= fullTileCount(head.size, 1)) {
    return "Remove it if something other than this migration put it there, then run the same command again";
  }
  const sealPath = target.locate(tilePath({ level: 1, index: seal, width: FULL_WIDTH }));
  return (
    `Something changed what was sealed. Remove the seal ${sealPath} and run the same command again: ` +
    "everything below it is read, and what is missing or wrong is copied again"
  );
}

async function* untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    signal.throwIfAborted();
    yield item;
  }
}
