/**
 * Divides a copy among the workers of a queue. What is done is seen in the target alone: a job is over when the tiles of
 * its run are there, whatever the queue says, and what the queue has lost is added again. Whether they are the right
 * tiles the copy that follows checks, which also copies what is still missing.
 */

import { OperationError } from "../../errors.ts";
import {
  DIRECTORY_WIDTH,
  directoryOfPath,
  ENTRIES_PER_SEAL,
  FULL_WIDTH,
  fullTileCount,
  tilePath,
} from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { Rounds } from "../lifecycle/rounds.ts";
import type { MigrationTarget } from "../ports/target.ts";
import type { JobCounts, TileRun, WorkQueue } from "../ports/work-queue.ts";
import type { CopySession } from "../session.ts";
import { fullTilesIn, sealedTiles } from "../target/seals.ts";
import { OutageReporter } from "../throttle/outage.ts";
import { pause } from "../throttle/pause.ts";
import { JOB_VERSION, MAX_RUN } from "./jobs.ts";

/** How often the target and the queue are looked at; more often at first, so that a short copy is not made longer by that. */
const LOOK_MS = 500;
const FIRST_LOOK_MS = 30;
/** How much longer than that an interval becomes, as a part of the time that has passed. */
const LOOK_GROWTH = 1 / 200;

/** How long a job should take. */
const JOB_SECONDS = 10;

/** Jobs that wait: enough for workers that come, and few enough that a lost queue is soon filled again. */
const MIN_WAITING = 16;

/** After so long without a sign of a loss all jobs are added again: those that are there stay as they are. */
const ADDED_EVERY_MS = 10_000;

/** After so long without a worker the operator should know. */
const ALONE_MS = 5_000;

/** Of a run that was added again so often, and is still not there, no worker seems to be capable. */
const MAX_ADDED = 5;

/** Tiles of the target that are asked for at the same time. */
const READS = 16;

/** After this many reads in one directory, listing it costs less than reading the next tiles. */
const READS_BEFORE_LISTING = 50;

interface AddedRun extends TileRun {
  /** The first of its tiles that has not been seen in the target. */
  next: number;
  added: number;
}

export class Coordinator {
  readonly #session: CopySession;
  readonly #queue: WorkQueue;
  readonly #outage: OutageReporter;
  /** Tiles that were not added yet, in descending order. */
  readonly #left: number[];
  readonly #added = new Set<AddedRun>();
  readonly #startedAt = performance.now();
  /** Tiles of a job. */
  #run = 1;
  #done = 0;
  #isShort = false;
  #addedAt = performance.now();
  #aloneSince: number | undefined = performance.now();

  private constructor(session: CopySession, queue: WorkQueue, missing: number[]) {
    this.#session = session;
    this.#queue = queue;
    this.#left = missing.toReversed();
    this.#outage = new OutageReporter(session.options.notice);
  }

  /** Resolves when every full level-1 tile is in the target, but for those that no worker was capable of. */
  static async run(
    session: CopySession,
    rounds: Rounds,
    queue: WorkQueue,
    signal: AbortSignal,
  ): Promise<void> {
    const { target, progress, options } = session;
    const tiles = fullTileCount(rounds.aim.size, 1);
    const sealed = await sealedTiles(target, tiles, rounds.marker.minIndex);
    const missing = Array.from({ length: tiles }, (_, index) => index).filter((index) => !sealed.has(index));
    progress.phase = "copying";
    progress.startPart(missing.length * ENTRIES_PER_SEAL);
    for (const index of sealed) progress.seals.skipped(index);
    const coordinator = new Coordinator(session, queue, missing);
    options.notice?.(
      `${formatCount(missing.length * ENTRIES_PER_SEAL)} entries are divided among the workers of ${queue.location}`,
    );
    await coordinator.#untilDone(signal);
  }

  async #untilDone(signal: AbortSignal): Promise<void> {
    // Those of a coordinator that was killed may be what is added now, cut otherwise. Where they cannot be removed yet, that costs time alone.
    await this.#queue.clear().catch(() => {});
    for (;;) {
      signal.throwIfAborted();
      // Counted before the target is looked at: a job that ends in between does not seem to be lost.
      const counts = await this.#ask(() => this.#queue.counts());
      await this.#lookAtTarget();
      if (this.#left.length === 0 && this.#added.size === 0) return;
      if (counts !== undefined) await this.#ask(() => this.#fillQueue(counts));
      const elapsed = performance.now() - this.#startedAt;
      await pause(Math.min(LOOK_MS, FIRST_LOOK_MS + LOOK_GROWTH * elapsed), signal);
    }
  }

  /** Counts what is there of the jobs that were added. */
  async #lookAtTarget(): Promise<void> {
    const { progress, knownSeals } = this.#session;
    const waiting = [...this.#added];
    const isInPlace = this.#lookup();
    const look = async (): Promise<void> => {
      for (let run = waiting.pop(); run !== undefined; run = waiting.pop()) {
        for (; run.next < run.end && (knownSeals.has(run.next) || (await isInPlace(run.next))); run.next++) {
          this.#done++;
          // What this process has copied itself is counted by its threads.
          if (knownSeals.has(run.next)) continue;
          progress.elsewhere(ENTRIES_PER_SEAL);
          progress.seals.skipped(run.next);
        }
        if (run.next === run.end) this.#added.delete(run);
      }
    };
    await Promise.all(Array.from({ length: READS }, look));
  }

  /** Returns a check for one look, whether a tile is in place: by a read, or by a listing after many reads in its directory. */
  #lookup(): (index: number) => Promise<boolean> {
    const asked = new Map<number, number>();
    const listings = new Map<number, Promise<Set<number>>>();
    return async (index) => {
      const directory = directoryOf(index);
      const count = (asked.get(directory) ?? 0) + 1;
      asked.set(directory, count);
      // The first directory contains all others of its level.
      if (directory === 0 || count <= READS_BEFORE_LISTING) return await this.#isInPlace(index);
      const listing = listings.get(directory) ?? sealsIn(this.#session.target, directory);
      listings.set(directory, listing);
      return (await listing).has(index);
    };
  }

  async #isInPlace(index: number): Promise<boolean> {
    const path = tilePath({ level: 1, index, width: FULL_WIDTH });
    const length = FULL_WIDTH * HASH_SIZE;
    return (await this.#session.writer().read(path, length))?.length === length;
  }

  /** Asks something of the queue; undefined while it is unavailable. */
  async #ask<T>(request: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await request();
      this.#outage.ended();
      return answer;
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      this.#outage.failed(error);
      return undefined;
    }
  }

  async #fillQueue({ waiting, active }: JobCounts): Promise<void> {
    // A job that is between the two may be in neither; twice in a row, the queue has lost some or given up on them.
    const isShort = this.#added.size > waiting + active;
    if (isShort && this.#isShort) await this.#addAgain();
    this.#isShort = isShort;
    await this.#reportAlone(active);
    // What others have put into the queue may hide that a job is lost.
    if (performance.now() - this.#addedAt >= ADDED_EVERY_MS) {
      await this.#queue.add([...this.#added].map(jobOf));
      this.#addedAt = performance.now();
    }
    this.#resize(active);
    const fresh: AddedRun[] = [];
    while (this.#left.length > 0 && this.#added.size + fresh.length < 2 * active + MIN_WAITING) {
      fresh.push(this.#nextRun());
    }
    // Known before they are added: of a request whose answer is lost, what was added is added again.
    for (const run of fresh) this.#added.add(run);
    await this.#queue.add(fresh.map(jobOf));
  }

  /** Once. */
  async #reportAlone(active: number): Promise<void> {
    if (this.#aloneSince === undefined || active > 0) this.#aloneSince = undefined;
    else if (performance.now() - this.#aloneSince >= ALONE_MS) {
      this.#aloneSince = undefined;
      if ((await this.#queue.workers()) > 0) return;
      this.#session.options.notice?.(
        `Waiting: no worker takes jobs of ${this.#queue.location}. Start some: tlog-migrate worker with the same --queue, source and target`,
      );
    }
  }

  async #addAgain(): Promise<void> {
    for (const run of this.#added) {
      run.added++;
      if (run.added <= MAX_ADDED) continue;
      this.#added.delete(run);
      this.#session.options.notice?.(
        `No worker has copied the entries from ${formatCount(run.next * ENTRIES_PER_SEAL)} to ${formatCount(run.end * ENTRIES_PER_SEAL)}: this process will`,
        "warning",
      );
    }
    await this.#queue.add([...this.#added].map(jobOf));
  }

  /** Makes jobs as long as they should take, from what was done so far, and short enough for all to have some at the end. */
  #resize(active: number): void {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const perJob = ((this.#done / seconds) * JOB_SECONDS) / Math.max(1, active);
    const fair = this.#left.length / (4 * Math.max(1, active));
    this.#run = Math.max(1, Math.min(MAX_RUN, Math.round(perJob), Math.ceil(fair)));
  }

  /** Consecutive tiles that are missing. */
  #nextRun(): AddedRun {
    const first = this.#left.pop() as number;
    let end = first + 1;
    while (end - first < this.#run && this.#left.at(-1) === end) {
      this.#left.pop();
      end++;
    }
    return { first, end, next: first, added: 1 };
  }
}

/** Which directory of its level a tile is in. */
function directoryOf(index: number): number {
  return Math.floor(index / DIRECTORY_WIDTH);
}

/** The full level-1 tiles in one directory. */
async function sealsIn(target: Pick<MigrationTarget, "list">, directory: number): Promise<Set<number>> {
  const first = tilePath({ level: 1, index: directory * DIRECTORY_WIDTH, width: FULL_WIDTH });
  return await fullTilesIn(target, directoryOfPath(first));
}

function jobOf({ first, end }: TileRun) {
  return { version: JOB_VERSION, first, end };
}
