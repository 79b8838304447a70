/**
 * The interfaces of targets. A backend hides its mechanisms (temporary files and fsync, conditional uploads,
 * coordination rows) behind them. It treats marker and record as plain texts.
 */

import { OperationError, type UsageError } from "../../errors.ts";
import type { LogFormat } from "../../tlog/layout.ts";
import type { Finding } from "./executor.ts";
import type { ListedObject, TreeHead } from "./source.ts";

/** It is unknown which bytes of a batch are durable: writing all of them again may help, syncing again does not. */
export class WriteAgainError extends OperationError {}

/** The contents of a target before a migration writes there. */
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
  /** Whether the bytes have another name too (a hard link): a change of one is a change of the other. */
  readonly isShared?: boolean;
  /** Whether it is stored compressed, so that its size cannot be checked. */
  readonly isCompressed?: boolean;
}

/** What a copy still has to store. */
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

/** What a copy lets others do in its target at the same time. */
export type LockKind =
  /** Nothing. */
  | "alone"
  /** Other parts of the same copy, and their leader, may be at work too. */
  | "part"
  /** Parts may be at work, but no other leader. */
  | "leader";

/** Size and root of the tree that the log software of a target has integrated. */
export type IntegratedTree = TreeHead;

/** What log software needs to continue from a migrated tree. */
export interface TreeState extends IntegratedTree {
  /** Where the removal of obsolete partial tiles may start: the smallest size copied up to, rounded down to 256. */
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

/**
 * What log software has signed last, as a lock says that is kept apart from the log: log software goes on from there, and
 * writes the lock before it stores what it has signed.
 */
export type SigningLock =
  | { readonly kind: "read"; readonly name: string; readonly checkpoint: Uint8Array | undefined }
  /** Nobody named it; with the name that the handover has recorded, null if it left the lock to the operator. */
  | { readonly kind: "unread"; readonly name: string | null | undefined; readonly option: string };

/** The target of a migration. Used by the main thread; each worker has a TargetWriter of its own. */
export interface MigrationTarget {
  /** Its name in messages: a URL or a directory. */
  readonly location: string;
  /** The name of an object in messages. */
  locate(path: string): string;
  /** Reports what the target contains, without changing anything. */
  inspect(): Promise<TargetContents>;
  /** The name of the private tree state in messages. */
  readonly treeStateName: string;
  /** The names, in messages, of the objects that make up a claim. */
  readonly markerName: string;
  /** The name of the record of the handover in messages. */
  readonly recordName: string;
  /** The private tree state, undefined if there is none. @throws FormatError if it cannot be read. */
  integratedTree(): Promise<IntegratedTree | undefined>;
  /** Other faults of the private state that log software would refuse, or be misled by. Empty if there is no such state. */
  stateFaults(): Promise<Finding[]>;
  /**
   * Whether the handover stores the checkpoint itself, byte for byte, so that one in a target is no sign that log
   * software has been at work.
   */
  readonly handsOverCheckpoint?: boolean;
  /** Called before a copy claims the target, or finds its claim. @throws UsageError if it cannot be of this log. */
  requireLog?(log: SignedLog): void;
  /** Reads the lock of log software that has one. */
  signingLock?(log: Pick<SignedLog, "origin" | "logId">): Promise<SigningLock>;
  /** Only if the private state is not stored next to the log. */
  readonly externalState?: ExternalState;
  /**
   * @param kind default "alone".
   * @throws TargetRefusedError if a copy is at work that excludes this one. Only for the operator's convenience: safety does not depend on it.
   */
  lock(kind?: LockKind): Promise<{ release(): Promise<void> }>;
  /** Who holds the lock; changes nothing. Left out where locks name no holder. */
  lockState?(): Promise<LockState | undefined>;
  /** Writes the marker where log software looks first. @throws TargetRefusedError if something is there. */
  claim(marker: string): Promise<void>;
  /** Durable when it resolves. @throws TargetRefusedError if the marker there is not `from`, byte for byte. */
  replaceMarker(from: string, to: string): Promise<void>;
  /** @throws OperationError if the target has too little free space, as far as that is known. */
  requireFreeSpace(needed: SpaceNeeded): Promise<void>;
  /** What is left where the target is, or would be; changes nothing. Left out where there is no bound. */
  freeSpace?(): Promise<FreeSpace>;
  /**
   * What an operator should know about the target once it is handed over, a line each.
   * @param isToAppend whether log software is to take it over; false for a mirror.
   */
  warnings(isToAppend: boolean): Promise<string[]>;

  /** A writer for the calling thread. @param signal aborts its waits. */
  openWriter(signal?: AbortSignal): TargetWriter;
  /**
   * Every object below `directory` ("tile", "tile/0"), in no order.
   * @throws TargetRefusedError at a symbolic link.
   */
  list(directory: string, options?: ListOptions): AsyncIterable<StoredObject>;
  /**
   * Removes a seal that must not be trusted; durable when it resolves.
   * @throws TargetRefusedError if the target is no longer claimed: another copy may have handed it over.
   */
  remove(path: string): Promise<void>;

  /**
   * Writes the private tree state, if there is none or an equal one, then the record, then removes the marker;
   * each durable before the next. May be called again after a crash at any point.
   * @param checkpoint the source's, byte for byte.
   * @throws TargetRefusedError if another tree state exists, or a checkpoint, or the marker is no longer `marker`,
   * byte for byte: another copy may have begun to copy up to a larger size.
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
  /** Makes an existing handover durable, and removes temporary files if its process was killed. */
  confirmHandOver(): Promise<void>;
  /** Stores the source's checkpoint if there is none; returns whether it did. Durable when it resolves. */
  publishCheckpoint(checkpoint: Uint8Array): Promise<boolean>;
  /**
   * Puts a checkpoint of a claimed mirror in the place of the one before: a reader sees one or the other. Durable when it
   * resolves, also where it is there already. Left out where the claim is in its place.
   * @param before what is there, undefined for nothing.
   * @throws TargetRefusedError if something else is there, or the marker is no longer `marker`, byte for byte: another
   * copy may have published a larger one.
   */
  replaceCheckpoint?(marker: string, before: Uint8Array | undefined, checkpoint: Uint8Array): Promise<void>;
  /**
   * Starts the repair of a log that is not being copied, while log software may be running; undefined if unsupported.
   * It takes no lock, and neither private state nor records are written.
   * @throws TargetRefusedError if the target overlaps with the source of the repair.
   */
  openRepairs?(signal?: AbortSignal): Promise<TargetRepairs>;
  /** Closes the target. Its writers and repairs are closed separately. */
  close(): Promise<void>;
}

/** Writes single objects of a log that others use at the same time. */
export interface TargetRepairs extends Pick<TargetWriter, "read" | "close"> {
  /**
   * Stores an object, or replaces one: durable when it resolves, and never visible in part. A symbolic link is replaced;
   * the file that it points to is not changed.
   * @throws TargetRefusedError if something at this path prevents the replacement of this object.
   */
  replace(path: string, bytes: Uint8Array): Promise<void>;
}

/** Options for a store that lists in pages. */
export interface ListOptions {
  /** Names at which the listing may be divided, in the order of their bytes. */
  readonly cuts?: readonly string[];
  /** Called before each request: if true, only one page is requested at a time, so that other work comes first. Default: false. */
  readonly isLowPriority?: () => boolean;
}

/** Private state that is stored apart from the log, where the operator's options say. */
export interface ExternalState {
  /** Whether the operator has passed these options. */
  readonly isNamed: boolean;
  /** Checks the operator's options against the inspected target. @throws UsageError */
  requireNamed(found: TargetContents): Promise<void>;
  /** The error for a log with a checkpoint but without a tree state in the place that the options name. */
  noTreeState(): UsageError;
}

/** Reads and writes objects of a target from one thread. */
export interface TargetWriter {
  /** Whether bundles are stored compressed: then `put` takes them as the source has them. */
  readonly storesGzip?: boolean;
  /** A stored object, undefined if it does not exist. The bytes belong to the caller. */
  read(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Starts a batch: objects that become durable together. Batches of one writer may overlap. */
  batch(): TargetBatch;
  close(): Promise<void>;
}

/** Objects that become durable together. A reader never sees a part of one. */
export interface TargetBatch {
  /**
   * Adds an object, or replaces one that is in place. The bytes are the caller's again once it resolves.
   * @param gzip what the source has of it, for a target that stores gzip. It has to be checked.
   */
  put(path: string, bytes: Uint8Array, gzip?: Uint8Array): void | Promise<void>;
  /**
   * Adds an object that is already stored with the right bytes: after a crash it may only be in a cache, not on disk. An
   * object with another hard link is written again.
   */
  keep(path: string, bytes: Uint8Array): Promise<void>;
  /** Resolves when every object of the batch, and all that is needed to find it, is durable. */
  commit(): Promise<void>;
  /** Drops uncommitted objects; what remains of them is complete, authentic and durable. */
  abandon(): Promise<void>;
}
