/** Promise 3, before the handover: checks the target itself, independently of what was checked before. */

import { setImmediate } from "node:timers/promises";
import { VerificationError } from "../../errors.ts";
import {
  FULL_WIDTH,
  fullTileCount,
  type LogFormat,
  levelCount,
  parseResourcePath,
  tilePath,
} from "../../tlog/layout.ts";
import { Counters } from "../counters.ts";
import { MAX_OBJECT_BYTES, type ObjectSource } from "../ports/source.ts";
import type { MigrationTarget, TargetWriter } from "../ports/target.ts";
import type { ReadContext } from "../read/context.ts";
import { openTree } from "../read/open-tree.ts";
import { TiledLog } from "../read/tiled-log.ts";
import { DEFAULT_RETRY } from "../throttle/backoff.ts";
import type { TreeHead } from "../tree/hash-tree.ts";
import { compareListing } from "./listing-check.ts";

/**
 * Checks the target against a tree: every object exists and has the right size, none is beyond the tree, and its own
 * tiles of level 1 and up give the root.
 * @throws VerificationError for the first object that is wrong.
 */
export async function checkTarget(
  target: MigrationTarget,
  writer: TargetWriter,
  format: LogFormat,
  head: TreeHead,
  signal: AbortSignal,
): Promise<void> {
  const read = (path: string) => writer.read(path, MAX_OBJECT_BYTES);
  const listing = untilAborted(target.list("tile"), signal);
  for await (const { path, problem } of compareListing(listing, format, head.size, read)) {
    throw new VerificationError({
      object: target.locate(path),
      problem,
      advice: adviceFor(target, path, head),
    });
  }
  await recomputeRoot(target, writer, format, head, signal);
}

/** How to repair an object: one beyond the tree is removed; one below a seal is copied again without the seal. */
function adviceFor(target: MigrationTarget, path: string, head: TreeHead): string {
  const resource = parseResourcePath(path);
  const index = resource?.kind === "bundle" ? resource.bundle.index : resource?.tile.index;
  const isUnderSeal = resource?.kind === "bundle" || resource?.tile.level === 0;
  const seal = Math.floor((index ?? 0) / FULL_WIDTH);
  if (!isUnderSeal || seal >= fullTileCount(head.size, 1)) {
    return "Remove it if something other than this migration put it there, then run the same command again";
  }
  const sealPath = target.locate(tilePath({ level: 1, index: seal, width: FULL_WIDTH }));
  return (
    `Something changed what was sealed. Remove the seal ${sealPath} and run the same command again: ` +
    "everything below it is read, and what is missing or wrong is copied again"
  );
}

async function recomputeRoot(
  target: MigrationTarget,
  writer: TargetWriter,
  format: LogFormat,
  head: TreeHead,
  signal: AbortSignal,
): Promise<void> {
  const context: ReadContext = {
    source: new TiledLog(storedObjects(target, writer), format),
    counters: new Counters(),
    retry: { ...DEFAULT_RETRY, attempts: 0, contentAttempts: 0 },
    signal,
  };
  const tree = await openTree(context, head);
  for (let level = levelCount(head.size) - 1; level >= 1; level--) {
    for (let index = 0; index < fullTileCount(head.size, level); index++) await tree.fullTile(level, index);
  }
}

/** The target as a source. */
function storedObjects(target: MigrationTarget, writer: TargetWriter): ObjectSource {
  return {
    location: target.location,
    locate: (path) => target.locate(path),
    async read(path, { maxBytes }) {
      // A writer may read synchronously: other work, such as signals, runs between two tiles.
      await setImmediate();
      return await writer.read(path, maxBytes);
    },
    async close() {},
  };
}

async function* untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    signal.throwIfAborted();
    yield item;
  }
}
