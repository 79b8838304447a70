/** The options of a migration, a verification and `abandon`. */

import type { CheckpointPolicy } from "../../tlog/checkpoint.ts";
import type { LogFormat } from "../../tlog/layout.ts";
import type { OptionValues, SourceAccess } from "../ports/backend.ts";
import type { Notice } from "../report/notice.ts";
import type { Progress } from "../report/progress.ts";
import type { RetryPolicy } from "../throttle/backoff.ts";
import type { TileOrigin } from "../unit/bundle-copier.ts";

/** A minimum index, or "source": the one that the source states, which nothing authenticates. */
export type MinIndexOption = number | "source";

/** The options that all kinds of work on a log have in common. */
export interface LogWorkOptions {
  readonly format: LogFormat;
  /** What makes a checkpoint trusted. */
  readonly policy: CheckpointPolicy;
  readonly access: SourceAccess;
  /** Values of the options that the backend of the target, or of the log to verify, declares. */
  readonly targetOptions?: OptionValues | undefined;
  /** Threads; default: the cores, at most 8. */
  readonly workers?: number | undefined;
  /** Most bundles in flight in all workers together. Default 16 per worker; a copy then starts with fewer. */
  readonly concurrency?: number | undefined;
  /** Bytes in flight over all workers; default 128 MB. */
  readonly budgetBytes?: number | undefined;
  /** Requests a second over all workers; default: no limit. */
  readonly requestsPerSecond?: number | undefined;
  readonly retry?: RetryPolicy | undefined;
  /**
   * The log is pruned: full tiles and bundles wholly below this index may be missing at the source. Default 0; `verifyLog`
   * goes by the record of the handover.
   */
  readonly minIndex?: MinIndexOption | undefined;
  /** Static CT only: check extra data, which no leaf hash covers. Default: false, true for `verifyLog`. */
  readonly deep?: boolean | undefined;
  /** Where progress is reported. */
  readonly progress?: Progress | undefined;
  /** Stops the work with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Notified of what an operator should know while it happens. */
  readonly notice?: Notice | undefined;
}

/** The common options that are always required. */
export type WorkOptions = Omit<LogWorkOptions, "policy">;

export interface MigrationOptions extends LogWorkOptions {
  /** A URL that has a backend, or a path. */
  readonly source: string;
  /** A URL whose backend has targets, or a path. */
  readonly target: string;
  /** Name and version of the tool, for the marker and the record. */
  readonly tool: string;
  /** Where level-0 tiles come from; default "derive". */
  readonly tiles?: TileOrigin | undefined;
  /** Keep tiles that another tool has left in the target; each is read and checked against the tree. */
  readonly adopt?: boolean | undefined;
  /** Read again what earlier runs have sealed, and copy again what is wrong or missing there. */
  readonly recheck?: boolean | undefined;
  /** Static CT only: continue if entries name issuers that are unavailable. */
  readonly allowMissingIssuers?: boolean | undefined;
  /** Hand the log over: its old writer is stopped permanently. Default: stop before the handover. */
  readonly handOver?: boolean | undefined;
  /** Stop at the size that the log has at the start, and hand that over even while the source grows. */
  readonly snapshot?: boolean | undefined;
  /** Store the source's checkpoint too, as the last object. */
  readonly saveCheckpoint?: boolean | undefined;
  /** How long the source's checkpoint must have stayed the same before the handover; default 5 s. */
  readonly settleMs?: number | undefined;
  /** The URL of a queue, by which the work is divided among the processes of `runWorker`. With `workers: 0`, this one only divides it. */
  readonly queue?: string | undefined;
}

/** What only a copy with an end is asked for is left out. */
export interface FollowOptions
  extends Omit<MigrationOptions, "handOver" | "snapshot" | "saveCheckpoint" | "recheck"> {
  /** Between two looks at the source while it grows; default 1 s. */
  readonly intervalMs?: number | undefined;
  /** Publish the source's checkpoint after each round, in a target that is never handed over. */
  readonly mirror?: boolean | undefined;
}

/** One of `count` parts of a copy, counted from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** What only a copy that works alone is asked for is left out. */
export interface ShardOptions
  extends Omit<
    MigrationOptions,
    "handOver" | "snapshot" | "saveCheckpoint" | "settleMs" | "recheck" | "adopt" | "queue"
  > {
  readonly shard: Shard;
}

export interface WorkerOptions extends Omit<ShardOptions, "shard"> {
  /** The URL of the queue that gives out the work. */
  readonly queue: string;
  /** The target is a mirror that follows its source. */
  readonly mirror?: boolean | undefined;
}

export interface CutoverOptions extends AbandonOptions {
  /** Wait until the log is handed over, or the request is refused. Default: until it is accepted. */
  readonly wait?: boolean | undefined;
  /** Take the request back. */
  readonly cancel?: boolean | undefined;
  /** How long the copy at work is given to accept; default 15 s. */
  readonly answerMs?: number | undefined;
}

export interface VerifyOptions
  extends Omit<WorkOptions, "format">,
    Pick<MigrationOptions, "allowMissingIssuers"> {
  /** Default: the format in the record of the handover, or else that of the log's entry bundles. */
  readonly format?: LogFormat | undefined;
  /** A URL that has a backend, or a path. */
  readonly log: string;
  /** What makes the checkpoint trusted; optional for a migrated target that has no checkpoint yet. */
  readonly policy?: CheckpointPolicy | undefined;
  /** Another copy of the log, a URL or a path: its objects replace wrong or missing objects of the tree. */
  readonly repairFrom?: string | undefined;
  /** How long to wait until log software that seems to be running has integrated its stored entries; default 10 s. */
  readonly settleMs?: number | undefined;
}

export type StatusOptions = Omit<AbandonOptions, "notice">;

export interface AbandonOptions
  extends Pick<WorkOptions, "access" | "targetOptions" | "retry" | "signal" | "notice"> {
  /** A URL whose backend has targets, or a path. */
  readonly target: string;
}

/** Whether what is handed over is only to be read: its log goes on elsewhere. */
export function isOnlyRead({ snapshot, saveCheckpoint }: MigrationOptions): boolean {
  return snapshot === true || saveCheckpoint === true;
}
