/** Takes back a handover or a claim, if it can be proved that no log software has used the target since. */

import type { TargetRefusedError } from "../errors.ts";
import { parseCheckpointText } from "../tlog/checkpoint.ts";
import { CHECKPOINT_PATH, ISSUER_DIRECTORY, parseResourcePath } from "../tlog/layout.ts";
import { equalBytes } from "../tlog/merkle.ts";
import { parseNote } from "../tlog/note.ts";
import { formatCount } from "../tlog/quantities.ts";
import { cleanUp } from "./clean-up.ts";
import { checkTargetOptions } from "./options/check-options.ts";
import type { AbandonOptions } from "./options/options.ts";
import { openTarget } from "./options/places.ts";
import type { BackendModules } from "./ports/backend.ts";
import { MAX_OBJECT_BYTES, type TreeHead } from "./ports/source.ts";
import type { MigrationTarget } from "./ports/target.ts";
import { targetSpecOf } from "./session.ts";
import { isBeyondSize } from "./target/listing-check.ts";
import {
  claimAdvice,
  type Marker,
  parseMarker,
  parseRecord,
  RECORD_ADVICE,
  replaceMarker,
  treeStateFor,
} from "./target/marker.ts";
import { describeHead, refused } from "./target/refusals.ts";
import { treeStateOf } from "./target/tree-state.ts";

/** What `abandon --json` prints. */
export interface AbandonReport {
  readonly target: string;
  readonly origin: string;
  /** Size of the tree that was handed over, or that the migration was to copy. */
  readonly size: number;
  readonly outcome: /** Nothing of the migration is left in the target. */
    | "claim-removed"
    /** The mirror has no checkpoint any more: it is an unfinished copy, which the next `copy` continues. */
    | "mirror-withdrawn"
    /** The target is an unfinished copy again, which the next `copy` continues. */
    | "handover-taken-back";
}

const CONNECTIONS = 4;

/**
 * Turns a handover back into a claim if no log software has continued the log, a mirror into an unfinished copy, or
 * removes a claim if nothing is stored yet.
 * @throws TargetRefusedError in any other case; the target is then unchanged.
 */
export async function abandon(options: AbandonOptions, modules: BackendModules): Promise<AbandonReport> {
  checkTargetOptions(options);
  const { signal, notice } = options;
  const further = { connections: CONNECTIONS, signal, isToTakeBack: true };
  const target = await openTarget(targetSpecOf(options.target, options, modules), further);
  try {
    const contents = await target.inspect();
    await target.externalState?.requireNamed(contents);
    if (contents.kind === "claimed") return await abandonClaim(target, contents.marker, notice);
    if (contents.kind === "handed-over") return await abandonHandover(target, contents.record, notice);
    throw refused(target, {
      problem: "has neither a claim nor a handover of tlog-migrate",
      found: contents.kind === "occupied" ? contents.found : undefined,
      advice: "Nothing was changed",
    });
  } finally {
    await cleanUp(notice, () => target.close());
  }
}

async function abandonClaim(
  target: MigrationTarget,
  text: string,
  notice: AbandonOptions["notice"],
): Promise<AbandonReport> {
  const marker = parseMarker(text, target.location, claimAdvice(target.markerName));
  const { size, rootHash } = aimOf(marker);
  const report = { target: target.location, origin: marker.origin, size };
  const lock = await target.lock();
  try {
    const tree = await treeStateOf(target);
    if (tree !== undefined) {
      await requireUntouched(target, marker, { size, rootHash }, tree);
      await target.takeBack(text, treeStateFor(tree, marker));
      return { ...report, outcome: "handover-taken-back" };
    }
    if (marker.isMirror === true) {
      // Without the checkpoint first: what a copy has to do may not be seen.
      await target.remove(CHECKPOINT_PATH);
      await replaceMarker(target, { ...marker, text }, { isMirror: false });
      return { ...report, outcome: "mirror-withdrawn" };
    }
    for (const directory of ["tile", ISSUER_DIRECTORY]) {
      for await (const { path } of target.list(directory)) {
        throw refused(target, {
          problem: "is an unfinished copy in which objects are stored: there is no handover to take back",
          found: path,
          advice: "Run `tlog-migrate copy` again to continue it; to give it up, delete it as a whole",
        });
      }
    }
    await target.unclaim(text);
    return { ...report, outcome: "claim-removed" };
  } finally {
    await cleanUp(notice, () => lock.release());
  }
}

async function abandonHandover(
  target: MigrationTarget,
  text: string,
  notice: AbandonOptions["notice"],
): Promise<AbandonReport> {
  const { size, origin, rootHash, marker: markerText } = parseRecord(text, target.recordName);
  const handedOver: TreeHead = { size, rootHash: Buffer.from(rootHash, "base64") };
  if (markerText === undefined) {
    throw refused(target, {
      problem:
        "was handed over by an older tlog-migrate, whose record does not contain the marker that is needed to take the handover back",
      advice: "Copy into an empty target instead",
    });
  }
  const marker = parseMarker(markerText, target.recordName, RECORD_ADVICE);
  if (describeHead(aimOf(marker)) !== describeHead(handedOver)) {
    throw refused(target, {
      problem: "has a record with the marker of another tree, so the handover cannot be taken back",
      expected: describeHead(handedOver),
      found: describeHead(aimOf(marker)),
      advice: "Copy into an empty target instead",
    });
  }
  // A mirror has no tree state.
  const tree = (await treeStateOf(target)) ?? handedOver;
  await requireUntouched(target, marker, handedOver, tree);
  // Excludes a copy, or another `abandon`, at the same time.
  const lock = await target.lock();
  try {
    await target.takeBack(markerText, treeStateFor(tree, marker), text);
    return { target: target.location, origin, size, outcome: "handover-taken-back" };
  } finally {
    await cleanUp(notice, () => lock.release());
  }
}

/** The tree of a marker's checkpoint. */
function aimOf({ checkpoint }: Marker): TreeHead {
  return parseCheckpointText(parseNote(Buffer.from(checkpoint)).text);
}

/** @throws TargetRefusedError if log software has used the target since the handover. */
async function requireUntouched(
  target: MigrationTarget,
  { format }: Marker,
  handedOver: TreeHead,
  tree: TreeHead,
): Promise<void> {
  if (tree.size !== handedOver.size || !equalBytes(tree.rootHash, handedOver.rootHash)) {
    throw goneOn(target, describeHead(tree), describeHead(handedOver));
  }
  if (target.handsOverCheckpoint !== true) await requireNoCheckpoint(target);
  for await (const { path } of target.list("tile")) {
    const resource = parseResourcePath(path);
    if (resource === undefined || !isBeyondSize(resource, format, handedOver.size)) continue;
    throw goneOn(target, target.locate(path), `nothing beyond size ${formatCount(handedOver.size)}`);
  }
}

async function requireNoCheckpoint(target: MigrationTarget): Promise<void> {
  const writer = target.openWriter();
  try {
    if ((await writer.read(CHECKPOINT_PATH, MAX_OBJECT_BYTES)) === undefined) return;
    throw goneOn(target, target.locate(CHECKPOINT_PATH), "no checkpoint");
  } finally {
    await cleanUp(undefined, () => writer.close());
  }
}

function goneOn(target: MigrationTarget, found: string, expected: string): TargetRefusedError {
  return refused(target, {
    problem:
      "has changed since the handover: log software has continued the log, or readers were directed to it",
    expected,
    found,
    advice: "The target is the log now; nothing was changed",
  });
}
