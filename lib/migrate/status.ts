/** What is in a place that a copy has written, or that one might: from its documents and seals alone, nothing is changed. */

import { type Checkpoint, parseCheckpointText } from "../tlog/checkpoint.ts";
import { attempt, FormatError } from "../tlog/errors.ts";
import {
  CHECKPOINT_PATH,
  ENTRIES_PER_SEAL,
  type LogFormat,
  rightEdge,
  type TileCoordinate,
  tilePath,
} from "../tlog/layout.ts";
import { formatHash, HASH_SIZE } from "../tlog/merkle.ts";
import { parseNote } from "../tlog/note.ts";
import { cleanUp } from "./clean-up.ts";
import { isOfClaim, readRequest } from "./cutover/request.ts";
import { type FollowState, readFollowState } from "./lifecycle/follow-state.ts";
import { checkTargetOptions } from "./options/check-options.ts";
import type { StatusOptions } from "./options/options.ts";
import { openTarget } from "./options/places.ts";
import type { BackendModules } from "./ports/backend.ts";
import { MAX_OBJECT_BYTES, type TreeHead } from "./ports/source.ts";
import type { LockState, MigrationTarget, TargetContents, TargetWriter } from "./ports/target.ts";
import type { Pruned } from "./report/report.ts";
import { targetSpecOf } from "./session.ts";
import { claimAdvice, parseMarker, parseRecord } from "./target/marker.ts";
import { countSeals } from "./target/seals.ts";
import { readableTreeState } from "./target/tree-state.ts";

/** A tree, as reports show it. */
export interface ReportedTree {
  readonly size: number;
  /** Base64, as in a checkpoint. */
  readonly rootHash: string;
}

/** A checkpoint that a target has. Its signature is not checked: no key is given. */
export interface StoredCheckpoint extends ReportedTree {
  readonly origin: string;
}

/** What `status --json` prints. Nothing in it is authenticated. */
export type TargetStatus = { readonly target: string } & (
  | { readonly state: "empty" }
  | UnfinishedCopy
  | FinishedCopy
  | {
      /** Tiles or bundles that no copy of ours has written, without a checkpoint or a tree state. */
      readonly state: "other-tiles";
      readonly example: string;
    }
  | ({
      /** Somebody's log, or something that could be one. */
      readonly state: "occupied";
      readonly found: string;
    } & PresentLog)
);

/** What log software has made of a place, or serves there. */
export interface PresentLog {
  readonly checkpoint?: StoredCheckpoint;
  /** The tree that log software has integrated. */
  readonly tree?: ReportedTree;
}

export type CopyPhase =
  /** The target is claimed, and nothing is stored yet. */
  | "claimed"
  | "copying"
  /** All is in place; what is left is to check it, and the handover. */
  | "copied"
  /** A handover has begun. */
  | "handing-over";

export interface UnfinishedCopy extends PresentLog {
  /** A mirror is never finished: its `checkpoint` is the one that it has published. */
  readonly state: "unfinished" | "mirror";
  readonly origin: string;
  readonly source: string;
  readonly format: LogFormat;
  /** What the next run finishes first. */
  readonly aim: ReportedTree;
  readonly phase: CopyPhase;
  /** Entries below seals: they are not read again. */
  readonly sealedEntries: number;
  /** The seals that are there guarantee too little: the next run reads again what is below them. */
  readonly distrustsSeals: boolean;
  /** What is wholly below it may be missing. */
  readonly minIndex: number;
  readonly allowMissingIssuers: boolean;
  readonly deep: boolean;
  /** What wrote the marker. */
  readonly tool: string;
  readonly lock?: LockState;
  /** Of a copy that follows its source, how far it was when it last said so. */
  readonly following?: FollowState;
  /** A cutover that is asked for, and not done. */
  readonly cutover?: AskedCutover;
}

export interface AskedCutover {
  /** What the copy that follows the source has made of it. */
  readonly state: "asked" | "accepted" | "refused";
  /** Why it is refused. */
  readonly reason?: string;
}

export interface FinishedCopy extends PresentLog, ReportedTree {
  readonly state: "handed-over";
  readonly origin: string;
  readonly source: string;
  readonly format: LogFormat;
  /** ISO 8601. */
  readonly finishedAt: string;
  readonly missingIssuers: number;
  readonly pruned?: Pruned;
  readonly tool: string;
}

const CONNECTIONS = 4;

/**
 * Looks at a target. A listing of its seals is what takes longest: one object for each 65,536 entries.
 * @throws TargetRefusedError if the documents of a copy are damaged; UsageError if its state is in a store that is not named.
 */
export async function targetStatus(options: StatusOptions, modules: BackendModules): Promise<TargetStatus> {
  checkTargetOptions(options);
  const further = { connections: CONNECTIONS, signal: options.signal, readOnly: true };
  const target = await openTarget(targetSpecOf(options.target, options, modules), further);
  try {
    const contents = await target.inspect();
    await target.externalState?.requireNamed(contents);
    return await statusOf(target, contents);
  } finally {
    await cleanUp(undefined, () => target.close());
  }
}

async function statusOf(target: MigrationTarget, contents: TargetContents): Promise<TargetStatus> {
  const { location } = target;
  switch (contents.kind) {
    case "empty":
      return { target: location, state: "empty" };
    case "unclaimed-tiles":
      return { target: location, state: "other-tiles", example: contents.example };
    case "occupied":
      // It may be anything, also what has no log in it: a file, or no directory at all.
      return {
        target: location,
        state: "occupied",
        found: contents.found,
        ...(await presentLog(target).catch(() => ({}))),
      };
    case "claimed":
      return { target: location, ...(await unfinishedCopy(target, contents.marker)) };
    case "handed-over":
      return { target: location, ...(await finishedCopy(target, contents.record)) };
  }
}

async function unfinishedCopy(target: MigrationTarget, text: string): Promise<UnfinishedCopy> {
  const marker = parseMarker(text, target.location, claimAdvice(target.markerName));
  const aim = parseCheckpointText(parseNote(Buffer.from(marker.checkpoint)).text);
  const { origin, source, format, distrustSeals, minIndex, allowMissingIssuers, deep, tool } = marker;
  const seals = distrustSeals ? 0 : await countSeals(target, aim.size, minIndex);
  const present = await presentLog(target);
  const lock = await target.lockState?.();
  const following = await readWith(target, readFollowState);
  const request = await readWith(target, readRequest);
  const isAsked = request !== undefined && isOfClaim(request, marker);
  return {
    state: marker.isMirror === true ? "mirror" : "unfinished",
    origin,
    source,
    format,
    aim: reported(aim),
    phase: present.tree === undefined ? await phaseOf(target, aim) : "handing-over",
    sealedEntries: seals * ENTRIES_PER_SEAL,
    distrustsSeals: distrustSeals,
    minIndex,
    allowMissingIssuers,
    deep,
    tool,
    ...present,
    ...(lock && { lock }),
    ...(following && { following }),
    ...(isAsked && { cutover: { state: request.state, ...(request.reason && { reason: request.reason }) } }),
  };
}

/**
 * By what is written first and last: the right edge, from the bottom up, comes after all else. A log that grows keeps the
 * upper tiles of its edge: the lowest one that is new is what was written last.
 */
async function phaseOf(target: MigrationTarget, { size }: TreeHead): Promise<CopyPhase> {
  const edge = await Promise.all(rightEdge(size).map((tile) => hasTile(target, tile)));
  if (edge.length > 0 && !edge.includes(false)) return "copied";
  for await (const _ of target.list("tile")) return "copying";
  return "claimed";
}

async function hasTile(target: MigrationTarget, tile: TileCoordinate): Promise<boolean> {
  const found = await readFrom(target, tilePath(tile), tile.width * HASH_SIZE);
  return found?.length === tile.width * HASH_SIZE;
}

async function finishedCopy(target: MigrationTarget, text: string): Promise<FinishedCopy> {
  const record = parseRecord(text, target.recordName);
  const { origin, source, format, size, rootHash, finishedAt, missingIssuers, tool } = record;
  const { minIndex, absentEntries } = record;
  return {
    state: "handed-over",
    origin,
    source,
    format,
    size,
    rootHash,
    finishedAt,
    missingIssuers,
    ...(minIndex > 0 && { pruned: { minIndex, absentEntries } }),
    tool,
    ...(await presentLog(target)),
  };
}

/** What a log software that is there says of its log. What cannot be read is left out: this is no verification. */
async function presentLog(target: MigrationTarget): Promise<PresentLog> {
  const [note, tree] = [
    await readFrom(target, CHECKPOINT_PATH, MAX_OBJECT_BYTES),
    await readableTreeState(target),
  ];
  const checkpoint = note && attempt((): Checkpoint => parseCheckpointText(parseNote(note).text));
  return {
    ...(checkpoint && { checkpoint: { origin: checkpoint.origin, ...reported(checkpoint) } }),
    ...(tree && !(tree instanceof FormatError) && { tree: reported(tree) }),
  };
}

function readFrom(target: MigrationTarget, path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  return readWith(target, (writer) => writer.read(path, maxBytes));
}

/** What `read` returns; undefined where what is there is not what it reads. */
async function readWith<T>(
  target: MigrationTarget,
  read: (writer: TargetWriter) => Promise<T | undefined>,
): Promise<T | undefined> {
  const writer = target.openWriter();
  try {
    return await read(writer);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  } finally {
    await cleanUp(undefined, () => writer.close());
  }
}

function reported({ size, rootHash }: TreeHead): ReportedTree {
  return { size, rootHash: formatHash(rootHash) };
}
