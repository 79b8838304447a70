/**
 * A directory as MigrationTarget, in the layout that Sunlight takes over (filippo.io/sunlight, v0.8.1). Sunlight starts
 * from the row of its lock database and compares it with the file `checkpoint`; without the row it makes a new log on the
 * day of its inception, unless there is a `checkpoint`. So that file is the guard: until the handover it is a claim,
 * which Sunlight refuses with a row and without one. The handover adds the row first, and puts the checkpoint there last.
 */

import fs from "node:fs";
import { pathToFileURL } from "node:url";
import { TargetRefusedError, UsageError } from "../../lib/errors.ts";
import type {
  IntegratedTree,
  MigrationTarget,
  SignedLog,
  SpaceNeeded,
  StoredObject,
  TargetContents,
  TargetWriter,
  TreeState,
} from "../../lib/migrate/ports/target.ts";
import { parseCheckpointText } from "../../lib/tlog/checkpoint.ts";
import { attempt } from "../../lib/tlog/errors.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { equalBytes, formatHash } from "../../lib/tlog/merkle.ts";
import { parseNote } from "../../lib/tlog/note.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { DirectoryTarget, type DirectoryTargetOptions } from "./directory-target.ts";
import { onFile } from "./errno.ts";
import { listObjects } from "./listing.ts";
import { clearStaleLocks } from "./lock.ts";
import { clearAllTemporaries } from "./process-files.ts";
import { COMPRESSED } from "./source.ts";
import { claimText, enclosingLog, markerIn, occupied, problemOf, STATE, stateText } from "./state.ts";
import type { LockDatabase } from "./sunlight-lock.ts";
import { SunlightWriter } from "./sunlight-writer.ts";

/** Ours: the checkpoint that a handover puts in its place, written before anything else of it. */
const HANDED_OVER = ".state/tlog-migrate-checkpoint";

/** Certificates compress to a third or half; an estimate that is too high would refuse a log that fits. */
const LEAST_COMPRESSED = 0.25;

/** Sunlight v0.8.1 signs each checkpoint twice in the log's name, and starts on no other. */
const OWN_SIGNATURES = 2;

export class SunlightTarget extends DirectoryTarget implements MigrationTarget {
  readonly treeStateName = "the row in Sunlight's lock database";
  readonly handsOverCheckpoint = true;
  /** Undefined where the row is not ours to add. */
  readonly #lock: LockDatabase | undefined;
  /** That is copied. */
  #log: SignedLog | undefined;

  /** @param directory the log's root, an absolute path; it may not exist yet. */
  constructor(directory: string, options: DirectoryTargetOptions, lock?: LockDatabase) {
    super(directory, options, CHECKPOINT_PATH, `gzip+${pathToFileURL(directory).href}`);
    this.#lock = lock;
  }

  requireLog(log: SignedLog): void {
    const refuse = (problem: string, advice: string) =>
      new UsageError({ object: this.location, problem, advice });
    if (log.format !== "static-ct") {
      throw refuse("is a place for a log of Sunlight, which are Static CT logs", "Pass --format static-ct");
    }
    if (log.logId === undefined) {
      const problem = "needs the log's RFC 6962 key, by which Sunlight finds it in its lock database";
      throw refuse(problem, "Pass --public-key with --origin, --log-list, or a --vkey of type 0x05");
    }
    const own = parseNote(log.note).signatures.filter(({ name }) => name === log.origin);
    if (own.length < OWN_SIGNATURES) {
      const problem = "is for logs of Sunlight, whose checkpoints have two signatures in the log's name";
      throw refuse(`${problem}: this one has ${own.length}`, "Copy it into a directory, for TesseraCT");
    }
    this.#log = log;
  }

  async integratedTree(): Promise<IntegratedTree | undefined> {
    const checkpoint = stateText(this.root, CHECKPOINT_PATH);
    if (markerIn(checkpoint) === undefined) return checkpoint === undefined ? undefined : treeOf(checkpoint);
    // The row of a handover that was broken off.
    const handedOver = stateText(this.root, HANDED_OVER);
    const row = handedOver === undefined ? undefined : await this.#lock?.rowOf(originOf(handedOver));
    return row && treeOf(row.checkpoint);
  }

  async stateFaults(): Promise<[]> {
    return [];
  }

  override async requireFreeSpace({ bytes, objects }: SpaceNeeded): Promise<void> {
    await super.requireFreeSpace({ bytes: bytes * LEAST_COMPRESSED, objects });
  }

  override async *list(directory: string): AsyncGenerator<StoredObject> {
    for await (const object of super.list(directory)) {
      yield COMPRESSED.test(object.path) ? { ...object, isCompressed: true } : object;
    }
  }

  /** Of a row that exists nobody knows here whose it is: the log may be at work elsewhere. */
  override async claim(marker: string): Promise<void> {
    const row = this.#log && (await this.#lock?.rowOf(this.#log.origin));
    if (row !== undefined) throw this.#rowExists(describe(row.checkpoint));
    await super.claim(marker);
  }

  openWriter(): TargetWriter {
    return new SunlightWriter(this.root);
  }

  async handOver(marker: string, state: TreeState, record: string, note?: Uint8Array): Promise<void> {
    const logId = this.#log?.logId;
    if (note === undefined || logId === undefined)
      throw new Error("Sunlight needs a checkpoint and a log ID");
    await this.claimed.whileClaimed(marker, async () => {
      const origin = originOf(note);
      const row = await this.#lock?.rowOf(origin);
      const begun = stateText(this.root, HANDED_OVER);
      if (row !== undefined) this.#requireBegun(row.checkpoint, begun, state);
      // What the row says is what Sunlight has signed; an earlier run may have added it.
      const checkpoint = row?.checkpoint ?? note;
      await this.directory.replace(this.locate(HANDED_OVER), checkpoint);
      if (this.#lock !== undefined && row === undefined) {
        this.claimed.require(marker);
        if (!(await this.#lock.insert({ logId, checkpoint }))) throw this.#rowExists("a row of this key");
      }
      await this.directory.replace(this.locate(STATE.record), Buffer.from(record));
      this.claimed.require(marker);
      await this.directory.replace(this.markerName, checkpoint);
    });
    this.cleanUp(clearAllTemporaries);
  }

  async takeBack(marker: string, state: TreeState, record?: string): Promise<void> {
    await onFile(this.root, async () => {
      const handedOver = stateText(this.root, HANDED_OVER) ?? "";
      const before = record === undefined ? Buffer.from(claimText(marker)).toString() : handedOver;
      const isAsWritten =
        isTree(handedOver, state) &&
        stateText(this.root, CHECKPOINT_PATH) === before &&
        (record === undefined || stateText(this.root, STATE.record) === record);
      if (!isAsWritten) throw this.#goneOn(CHECKPOINT_PATH);
      const row = await this.#lock?.rowOf(originOf(handedOver));
      const isRowOurs = row !== undefined && Buffer.from(row.checkpoint).toString() === handedOver;
      // Sunlight signs anew with every sequencing, also of nothing.
      if (this.#lock !== undefined && !isRowOurs) throw this.#goneOn(this.#lock.path);
      await this.directory.replace(this.markerName, claimText(marker));
      if (this.#lock !== undefined && !(await this.#lock.remove(Buffer.from(handedOver)))) {
        await this.directory.replace(this.markerName, Buffer.from(before));
        throw this.#goneOn(this.#lock.path);
      }
      for (const file of [STATE.record, HANDED_OVER]) {
        this.claimed.require(marker);
        await this.directory.remove(this.locate(file));
      }
    });
  }

  async confirmHandOver(): Promise<void> {
    const checkpoint = stateText(this.root, CHECKPOINT_PATH) ?? "";
    if (this.#lock !== undefined && (await this.#lock.rowOf(originOf(checkpoint))) === undefined) {
      throw new TargetRefusedError({
        object: this.#lock.path,
        problem: "has no row of this log, which was handed over with another lock database",
        advice: "Name that one; Sunlight starts with no other",
      });
    }
    await onFile(this.root, () => this.directory.syncFound(this.markerName, this.recordName));
    this.cleanUp(clearAllTemporaries);
    this.cleanUp(clearStaleLocks);
  }

  /** The handover has stored it. */
  async publishCheckpoint(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {}

  protected override async look(): Promise<TargetContents> {
    const enclosing = enclosingLog(this.root);
    if (enclosing !== undefined) return occupied(`a directory inside the log ${enclosing}`);
    const stat = fs.statSync(this.root, { throwIfNoEntry: false });
    if (stat === undefined) return { kind: "empty" };
    if (!stat.isDirectory()) return occupied("a file, not a directory");
    for (const name of [CHECKPOINT_PATH, STATE.record, HANDED_OVER]) {
      const problem = problemOf(() => stateText(this.root, name));
      if (problem !== undefined) return occupied(`${name} ${problem}`);
    }
    for (const name of [STATE.version, STATE.tree]) {
      if (fs.existsSync(this.locate(name))) return occupied(`a log of Tessera, or a copy for it (${name})`);
    }
    const checkpoint = stateText(this.root, CHECKPOINT_PATH);
    const marker = markerIn(checkpoint);
    if (marker !== undefined) return { kind: "claimed", marker };
    const record = stateText(this.root, STATE.record);
    if (checkpoint !== undefined && record !== undefined) return { kind: "handed-over", record };
    if (checkpoint !== undefined) return occupied("a checkpoint");
    if (record !== undefined) return occupied(`a record of a handover (${STATE.record}), and no checkpoint`);
    for await (const { path } of listObjects(this.root, "tile"))
      return { kind: "unclaimed-tiles", example: path };
    return { kind: "empty" };
  }

  /** A row that is there must be the one that this handover has added before it was broken off. */
  #requireBegun(row: Uint8Array, begun: string | undefined, state: TreeState): void {
    if (begun !== undefined && equalBytes(Buffer.from(begun), row) && isTree(row, state)) return;
    throw this.#rowExists(describe(row));
  }

  #rowExists(found: string): TargetRefusedError {
    return new TargetRefusedError({
      object: this.#lock?.path ?? this.location,
      problem: "has a row of this log already, which is never replaced: the log may be at work elsewhere",
      found,
      advice:
        "Name a lock database that has none; or, if Sunlight keeps this one when the log has moved, pass --no-sunlight-lock",
    });
  }

  #goneOn(object: string): TargetRefusedError {
    return new TargetRefusedError({
      object,
      problem: "is not as the handover wrote it: Sunlight has gone on from there",
      advice: "The log lives there now; nothing was changed",
    });
  }
}

function originOf(checkpoint: string | Uint8Array): string {
  return openedText(checkpoint).origin;
}

function treeOf(checkpoint: string | Uint8Array): IntegratedTree {
  const { size, rootHash } = openedText(checkpoint);
  return { size, rootHash };
}

function openedText(checkpoint: string | Uint8Array) {
  return parseCheckpointText(parseNote(Buffer.from(checkpoint)).text);
}

function isTree(checkpoint: string | Uint8Array, { size, rootHash }: IntegratedTree): boolean {
  const tree = attempt(() => treeOf(checkpoint));
  return tree?.size === size && equalBytes(tree.rootHash, rootHash);
}

function describe(checkpoint: Uint8Array): string {
  const tree = attempt(() => treeOf(checkpoint));
  return tree === undefined
    ? "no checkpoint"
    : `size ${formatCount(tree.size)}, root ${formatHash(tree.rootHash)}`;
}
