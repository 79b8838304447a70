/**
 * Where a log is moved to. A backend hides its own ways (temporary files and fsync, conditional uploads, coordination
 * rows) behind these interfaces. To it, marker and record are texts.
 */

import { OperationError, type UsageError } from "../../errors.ts";
import type { LogFormat } from "../../tlog/layout.ts";
import type { Finding } from "./executor.ts";
import type { ListedObject, TreeHead } from "./source.ts";

/** It is unknown which bytes of a batch are durable: writing all of them again may help, syncing again never does. */
export class WriteAgainError extends OperationError {}

/** What a target holds before a migration writes there. */
export type TargetContents =
  /** Nothing, or not even a directory. */
  | { readonly kind: "empty" }
  /** An unfinished migration of ours: the JSON of its marker. */
  | { readonly kind: "claimed"; readonly marker: string }
  /** A log that we handed over: the JSON of the record next to its tree state. */
  | { readonly kind: "handed-over"; readonly record: string }
  /** Tiles or bundles without a state or a checkpoint: half a copy by another tool. */
  | { readonly kind: "unclaimed-tiles"; readonly example: string }
  /** Somebody's log, or something that could be one: what was found there. */
  | { readonly kind: "occupied"; readonly found: string };

/** An object in a listing, its path below the log's root. */
export interface StoredObject extends ListedObject {
  /** Whether the bytes have another name too, as those of a hard link: what changes them is seen there as well. */
  readonly isShared?: boolean;
  /** Whether it is stored compressed, so that its size says little. */
  readonly isCompressed?: boolean;
}

/** What a copy will still have to store. */
export interface SpaceNeeded {
  readonly bytes: number;
  readonly objects: number;
}

/** What a target has left; objects are undefined where they are not counted. */
export interface FreeSpace {
  readonly bytes: number;
  readonly objects?: number | undefined;
}

/** Who holds the lock of a target, as the lock says it. */
export interface LockState {
  readonly host: string;
  readonly pid: number;
  /** By the holder's clock, ISO 8601; undefined in locks of early versions. */
  readonly since?: string | undefined;
  /** When the lock was last stored, by the clock of the place, ISO 8601. A copy that is at work stores it again and again. */
  readonly heardAt: string;
  /** Whether the holder runs; undefined where that cannot be seen from here. */
  readonly isRunning?: boolean | undefined;
}

/** Size and root of the tree that the log software of a target has integrated. */
export type IntegratedTree = TreeHead;

/** What log software needs to go on from a migrated tree. */
export interface TreeState extends IntegratedTree {
  /** Where the clean-up of obsolete partial tiles may start: the smallest size aimed at, rounded down to 256. */
  readonly collectFrom: number;
}

/** A log that is to be handed over, by its checkpoint. */
export interface SignedLog {
  readonly format: LogFormat;
  readonly origin: string;
  /** The source's checkpoint, byte for byte. */
  readonly note: Uint8Array;
  /** The log ID of RFC 6962, where a key that is trusted has one. */
  readonly logId: Uint8Array | undefined;
}

/** The target of a migration. Used by the main thread; each worker has a TargetWriter of its own. */
export interface MigrationTarget {
  /** What the operator calls it. */
  readonly location: string;
  /** The name of an object in messages. */
  locate(path: string): string;
  /** Looks, without changing anything. */
  inspect(): Promise<TargetContents>;
  /** What messages call the private tree state. */
  readonly treeStateName: string;
  /** What messages call what has to be removed for a claim to be gone. */
  readonly markerName: string;
  /** What messages call the record of a finished migration. */
  readonly recordName: string;
  /** The private tree state, undefined if there is none. @throws FormatError if it cannot be read. */
  integratedTree(): Promise<IntegratedTree | undefined>;
  /** What else of the private state log software would refuse, or be misled by. Nothing where there is no such state. */
  stateFaults(): Promise<Finding[]>;
  /**
   * Whether the handover stores the checkpoint itself, byte for byte, so that one in a target is no sign that log
   * software has been at work.
   */
  readonly handsOverCheckpoint?: boolean;
  /** Called before a copy claims the target, or finds its claim. @throws UsageError if it cannot be of this log. */
  requireLog?(log: SignedLog): void;
  /** Only where the private state is not kept next to the log. */
  readonly externalState?: ExternalState;
  /** @throws TargetRefusedError if another copy holds it. A courtesy to operators: safety does not depend on it. */
  lock(): Promise<{ release(): Promise<void> }>;
  /** Who holds the lock; changes nothing. Left out where locks name no holder. */
  lockState?(): Promise<LockState | undefined>;
  /** Writes the marker where log software looks first. @throws TargetRefusedError if something is there. */
  claim(marker: string): Promise<void>;
  /** Durable when it resolves. @throws TargetRefusedError if the marker there is not `from`, byte for byte. */
  replaceMarker(from: string, to: string): Promise<void>;
  /** @throws OperationError if the target has too little free space, where that can be seen. */
  requireFreeSpace(needed: SpaceNeeded): Promise<void>;
  /** What is left where the target is, or would be; changes nothing. Left out where there is no bound. */
  freeSpace?(): Promise<FreeSpace>;
  /**
   * What an operator should know about the target once it is handed over, a line each.
   * @param isToAppend whether log software is to take it over; false for a mirror.
   */
  warnings(isToAppend: boolean): Promise<string[]>;

  /** A writer for the thread that calls it. @param signal breaks off what it waits for. */
  openWriter(signal?: AbortSignal): TargetWriter;
  /** Every object below `directory` ("tile", "tile/0"), in no order. @throws TargetRefusedError at a symbolic link. */
  list(directory: string): AsyncIterable<StoredObject>;
  /**
   * Removes a seal that nobody may trust, durable when it resolves.
   * @throws TargetRefusedError if the target is no longer claimed: another copy may have handed it over.
   */
  remove(path: string): Promise<void>;

  /**
   * Writes the private tree state, if there is none or an equal one, then the record, then lifts the guard;
   * each durable before the next. May be called again after a crash at any point.
   * @param checkpoint the source's, byte for byte.
   * @throws TargetRefusedError if another tree state is there, or a checkpoint, or the guard is not `marker` any more,
   * byte for byte: another copy may have raised the aim.
   */
  handOver(marker: string, state: TreeState, record: string, checkpoint?: Uint8Array): Promise<void>;
  /**
   * Takes a handover back: puts `marker` in the place of the record first, so that no log software starts from there
   * on, then removes the tree state. Called again after a crash at any point, with no record where the claim is there.
   * @throws TargetRefusedError if anything is there but what `handOver` wrote, or log software is at work: untouched.
   */
  takeBack(marker: string, state: TreeState, record?: string): Promise<void>;
  /** Removes a claim, of a target in which nothing is stored. @throws TargetRefusedError if the marker is another. */
  unclaim(marker: string): Promise<void>;
  /** Makes a handover that was found durable, and removes what its process left if it was killed. */
  confirmHandOver(): Promise<void>;
  /** Stores the source's checkpoint if there is none: true if it did. Durable when it resolves. */
  publishCheckpoint(checkpoint: Uint8Array): Promise<boolean>;
  /**
   * Starts to mend a log that is not being copied, whose log software may be at work; left out where that cannot be done.
   * It takes no lock, and neither private state nor records are written.
   * @throws TargetRefusedError if the target has to do with the source of the repair.
   */
  openRepairs?(signal?: AbortSignal): Promise<TargetRepairs>;
  /** Ends what is open. Its writers and repairs are closed by themselves. */
  close(): Promise<void>;
}

/** Writes single objects of a log that others use meanwhile. */
export interface TargetRepairs extends Pick<TargetWriter, "read" | "close"> {
  /**
   * Puts an object where there is none, or another: durable when it resolves, and seen whole or not at all. What is
   * linked to from there stays as it is.
   * @throws TargetRefusedError if something there keeps this one object from being replaced.
   */
  replace(path: string, bytes: Uint8Array): Promise<void>;
}

/** Private state with a place of its own, which the operator names. */
export interface ExternalState {
  /** Whether the operator has named it. */
  readonly isNamed: boolean;
  /** Checks what the operator named against what the target, as inspected, says. @throws UsageError */
  requireNamed(found: TargetContents): Promise<void>;
  /** The error for a log with a checkpoint that has no tree state where the operator named it. */
  noTreeState(): UsageError;
}

/** Reads and writes objects of a target from one thread. */
export interface TargetWriter {
  /** Whether bundles are stored compressed: then `put` takes them as the source has them. */
  readonly storesGzip?: boolean;
  /** An object that is in place, undefined if there is none. The bytes belong to the caller. */
  read(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Starts a batch: objects that become durable together. Batches of one writer may overlap. */
  batch(): TargetBatch;
  close(): Promise<void>;
}

/** Objects that become durable together. A reader sees each of them whole or not at all. */
export interface TargetBatch {
  /**
   * Adds an object, or replaces one that is in place. The bytes are the caller's again once it resolves.
   * @param gzip what the source has of it, for a target that stores gzip. It has to be checked.
   */
  put(path: string, bytes: Uint8Array, gzip?: Uint8Array): void | Promise<void>;
  /**
   * Adds an object that was found in place with the right bytes: after a crash it may be in a cache alone. One whose
   * bytes have another name too is written again.
   */
  keep(path: string, bytes: Uint8Array): Promise<void>;
  /** Resolves when every object of the batch, and all that is needed to find it, is durable. */
  commit(): Promise<void>;
  /** Drops what was not committed, and leaves nothing of it but what is whole, authentic and durable. */
  abandon(): Promise<void>;
}
