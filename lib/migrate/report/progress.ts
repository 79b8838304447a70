/** The progress of a migration or a verification, to be read at any time. */

import { FULL_WIDTH } from "../../tlog/layout.ts";
import type { Retry, RetryObserver } from "../throttle/backoff.ts";
import { Counters } from "./counters.ts";
import { SealMap } from "./seal-map.ts";

/** What a run is doing. */
export type Phase =
  | "reading the checkpoint"
  | "authenticating the tree"
  | "sampling the log"
  | "copying"
  | "writing the upper tiles"
  | "checking the target"
  | "waiting for the source to stay the same"
  | "verifying"
  | "reading the tree state"
  | "listing the log"
  | "waiting for log software to integrate what it has stored"
  | "repairing"
  | "publishing the checkpoint"
  | "waiting for the source to grow"
  | "waiting for work"
  | "handing over"
  | "done";

/** A copy that follows its source, as it is now. Times are of `performance.now()`, in milliseconds. */
export interface Following {
  /** Entries of the newest checkpoint of the source, and of the tree that is in the target. */
  readonly newest: number;
  readonly copied: number;
  /** Since when they differ. */
  readonly behindSince: number | undefined;
  /** When they were last the same after a look at the source, in milliseconds since the Unix epoch. */
  readonly caughtUpAt: number | undefined;
  /** Since when the source shows an older checkpoint than it did before. */
  readonly staleSince: number | undefined;
  /** Since when the source or the target has been unavailable. */
  readonly unavailableSince: number | undefined;
  /** Whether a cutover is accepted, and not done yet. */
  readonly isCutoverPending: boolean;
  /** Of a mirror: entries of the checkpoint that it has published, 0 before there is one. */
  readonly published?: number | undefined;
}

export interface ProgressSnapshot {
  readonly phase: Phase;
  /** Size of the tree to copy or verify, 0 while it is unknown. */
  readonly size: number;
  /** Entries that are done in this round, copied or found in place. */
  readonly entriesDone: number;
  /** Requests that may be in flight to the source, 0 while nothing is read. */
  readonly requestLimit: number;
  readonly counters: Counters;
  /** How far a copy that follows its source is behind it: in entries, and for how long. */
  readonly lag?: { readonly entries: number; readonly seconds: number } | undefined;
  readonly following?: Following | undefined;
  /** Whether the target is handed over, by this run or an earlier one. */
  readonly isHandedOver: boolean;
  /** The least time that the rest takes, if the source limits requests per period. */
  readonly leastSecondsLeft?: number | undefined;
  /** The wait that the source asks for, while it lasts. */
  readonly pause?: { readonly status: number; readonly leftMs: number } | undefined;
  /** The last retried request, and when it failed (of `performance.now()`). */
  readonly lastRetry?: (Retry & { readonly failedAt: number }) | undefined;
}

export class Progress {
  phase: Phase = "reading the checkpoint";
  /** The log's origin, once its checkpoint is known. */
  origin: string | undefined;
  /** Counters of the main thread. */
  readonly own = new Counters();
  /** Counters of all threads, this thread's first. */
  readonly threads: Counters[] = [this.own];
  /** Where in the tree the run is. */
  readonly seals = new SealMap();
  /** The limit on requests in flight, once there is a source. */
  window:
    | ({ readonly limit: number } & Pick<ProgressSnapshot, "pause"> & {
          secondsFor?(requests: number): number | undefined;
        })
    | undefined;
  /** Of a copy that follows its source; each read of it shows what is so at that moment. */
  following: Following | undefined;
  isHandedOver = false;
  /** Notified of every retried request of any thread. */
  onRetry: RetryObserver | undefined;
  /** Entries of units that are durable in the target in this round. */
  durableEntries = 0;
  /** Entries below seals that this run had written or found, and found in place again. */
  foundAgain = 0;
  /** Entries that other processes have copied while this one divided the work. */
  byWorkers = 0;
  #sealedBefore = 0;
  #lastRetry: ProgressSnapshot["lastRetry"];
  #size = 0;
  #doneBefore = 0;
  #elsewhere = 0;

  /** @param done entries that an earlier round has made durable, and that this one leaves alone. */
  startRound(size: number, done = 0): void {
    this.#size = size;
    this.#elsewhere = 0;
    this.seals.startRound(size, done);
    this.durableEntries = done;
    this.#sealedBefore = this.own.get("resumedEntries");
    this.#doneBefore = entriesIn(this.total()) - done;
  }

  /** The round is of so many entries of the tree alone. */
  startPart(entries: number): void {
    this.#size = entries;
    this.#elsewhere = 0;
  }

  /** The round is of so many entries more. */
  addPart(entries: number): void {
    this.#size += entries;
  }

  /** Entries of the round that another process has copied. */
  elsewhere(entries: number): void {
    this.#elsewhere += entries;
    this.byWorkers += entries;
  }

  /** Counters of any thread, or of another machine. */
  readonly retried = (retry: Retry): void => {
    this.#lastRetry = { ...retry, failedAt: performance.now() };
    this.onRetry?.(retry);
  };

  /** Entries below a seal that a pruned log lacks. */
  readonly pruned = (entries: number, seal: number): void => {
    this.own.add("prunedEntries", entries);
    this.seals.skipped(seal);
  };

  /** Entries that a copy would keep if it ended now (below seals, or durable since), and the total. */
  get inPlace(): { readonly entries: number; readonly size: number } {
    const sealed = this.own.get("resumedEntries") - this.#sealedBefore;
    return {
      entries: Math.min(this.#size, sealed + this.durableEntries + this.#elsewhere),
      size: this.#size,
    };
  }

  total(): Counters {
    return Counters.total(this.threads);
  }

  snapshot(): ProgressSnapshot {
    const counters = this.total();
    const entriesDone = Math.min(this.#size, entriesIn(counters) - this.#doneBefore + this.#elsewhere);
    const requestLimit = this.window?.limit ?? 0;
    const [pause, lastRetry] = [this.window?.pause, this.#lastRetry];
    const leastSecondsLeft = this.window?.secondsFor?.(Math.ceil((this.#size - entriesDone) / FULL_WIDTH));
    const [phase, size, lag, following] = [this.phase, this.#size, this.#lag(), this.following];
    const now = { phase, size, entriesDone, requestLimit, counters, leastSecondsLeft, pause, lastRetry, lag };
    return { ...now, following, isHandedOver: this.isHandedOver };
  }

  #lag(): ProgressSnapshot["lag"] {
    if (this.following === undefined) return undefined;
    const { newest, copied, behindSince } = this.following;
    return { entries: newest - copied, seconds: secondsSince(behindSince) };
  }
}

/** @param time of `performance.now()`; undefined: 0 seconds ago. */
export function secondsSince(time: number | undefined): number {
  return time === undefined ? 0 : (performance.now() - time) / 1000;
}

function entriesIn(counters: Counters): number {
  return counters.get("entries") + counters.get("resumedEntries") + counters.get("prunedEntries");
}
