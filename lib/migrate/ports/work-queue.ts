/**
 * The interface of a queue that divides a copy among machines. It carries numbers alone, and is trusted with nothing: what
 * it gives out may be forged, repeated, stale or another copy's, and what it loses is added again.
 */

import type { Notice } from "../report/notice.ts";

/** The full level-1 tiles from `first` to before `end`, with what is below them. */
export interface TileRun {
  readonly first: number;
  readonly end: number;
}

/** A job as it is added. Only the version that an added job has is known to be right. */
export interface QueueJob extends TileRun {
  readonly version: number;
}

/** Jobs of a queue by their state. */
export interface JobCounts {
  /** Not begun, or to be tried again. */
  readonly waiting: number;
  readonly active: number;
}

/** A queue of one copy. Every method but `take` and `close` rejects with OperationError while the queue is unavailable. */
export interface WorkQueue {
  /** Its address in messages, without secrets. */
  readonly location: string;
  /** Adds jobs; one of the same run that is waiting or active stays as it is. */
  add(jobs: readonly QueueJob[]): Promise<void>;
  counts(): Promise<JobCounts>;
  /** Removes all jobs that have not begun. */
  clear(): Promise<void>;
  /** Processes that take jobs. */
  workers(): Promise<number>;
  /**
   * Takes jobs, some at a time, until the signal aborts; then waits for what has begun.
   * @param work a job, as the queue gives it out. If it rejects the job is tried again later, here or elsewhere; with
   * RefusedJobError it is removed.
   */
  take(work: (job: unknown) => Promise<void>, signal: AbortSignal): Promise<void>;
  /** Asks all processes to leave the source alone for so long, unless they are asked to for longer. */
  holdBack(milliseconds: number): Promise<void>;
  /** For how much longer they are asked to, in milliseconds; 0 if they are not. */
  heldBackFor(): Promise<number>;
  /** Removes the queue, and all that the server has of it. */
  remove(): Promise<void>;
  close(): Promise<void>;
}

/** A job that no worker of this version may do. */
export class RefusedJobError extends Error {}

/**
 * Opens a queue.
 * @param url which the operator names.
 * @param name of the copy.
 * @throws UsageError if the URL names no queue.
 */
export type OpenQueue = (url: string, name: string, notice: Notice) => Promise<WorkQueue>;
