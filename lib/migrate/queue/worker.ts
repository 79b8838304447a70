/**
 * A worker of a queue: it takes jobs of a copy until that is handed over, or has another aim. It trusts its own options
 * and the target's claim: source and keys are its own, and every hash that it expects is derived from the checkpoint that
 * it has verified itself.
 */

import { isDeepStrictEqual } from "node:util";
import { TargetRefusedError } from "../../errors.ts";
import { ENTRIES_PER_SEAL, fullTileCount } from "../../tlog/layout.ts";
import { cleanUp } from "../clean-up.ts";
import { onClaimedTarget } from "../lifecycle/claimed.ts";
import { startWorkers } from "../lifecycle/copy-tree.ts";
import { finish } from "../lifecycle/handover.ts";
import type { Rounds } from "../lifecycle/rounds.ts";
import { checkWorker } from "../options/check-options.ts";
import type { WorkerOptions } from "../options/options.ts";
import { openTarget } from "../options/places.ts";
import type { BackendModules } from "../ports/backend.ts";
import type { TargetContents, TargetWriter } from "../ports/target.ts";
import { type OpenQueue, RefusedJobError, type WorkQueue } from "../ports/work-queue.ts";
import { Progress } from "../report/progress.ts";
import type { MigrationReport } from "../report/report.ts";
import type { CopySession } from "../session.ts";
import type { Claim } from "../target/claim.ts";
import { claimAdvice, parseMarker } from "../target/marker.ts";
import { NotClaimedError, NoWorkError, noWork } from "../target/part.ts";
import { readQueueId } from "../target/queue-id.ts";
import { pause } from "../throttle/pause.ts";
import { BeyondAimError, parseJob, queueName, tilesOfRun } from "./jobs.ts";
import { Share } from "./share.ts";

/** How often a worker looks whether the copy is over, and, once it has waited for long, whether one has begun. */
const LOOK_MS = 3_000;

/** The first interval between two looks at source and target, and at the target alone, which costs less. */
const FIRST_LOOK_MS = 250;
const FIRST_LOOK_AT_TARGET_MS = 100;
/** How much longer than that an interval becomes, as a part of the time that the worker has waited. */
const LOOK_GROWTH = 0.1;
const LOOK_GROWTH_AT_TARGET = 0.02;

/** The reason for which a worker stops to take jobs. */
const OVER = Symbol("the copy is over, or has given out a job of a larger aim");

/**
 * Works until the target is handed over.
 * @throws LogError of the kind that the command's exit code follows from, or the signal's reason.
 */
export async function runWorker(
  options: WorkerOptions,
  modules: BackendModules,
  openQueue: OpenQueue,
): Promise<MigrationReport> {
  checkWorker(options);
  // Of all claims that it works on, one after the other.
  const { progress = new Progress() } = options;
  const copy = { ...options, progress, handOver: false, snapshot: false, saveCheckpoint: false };
  const { signal = new AbortController().signal, notice = () => {} } = options;
  const startedAt = performance.now();
  let isWaiting = false;
  let waitingSince = startedAt;
  const kind = { role: "worker", isMirror: options.mirror === true, waitForClaim } as const;
  for (;;) {
    try {
      const report = await onClaimedTarget(copy, modules, workOnClaim, kind);
      // Next to a new aim, or to what says that it is handed over.
      if (report.outcome !== "part-copied") return ofWholeRun(report, startedAt);
      isWaiting = false;
      waitingSince = performance.now();
    } catch (error) {
      if (!(error instanceof NotClaimedError)) throw error;
      noteWaiting(error);
    }
    await wait(FIRST_LOOK_MS, LOOK_GROWTH);
  }

  function noteWaiting({ message }: Error): void {
    if (!isWaiting) notice(`Waiting: ${message}`);
    isWaiting = true;
  }

  async function wait(firstMs: number, growth: number): Promise<void> {
    progress.phase = "waiting for work";
    const waited = performance.now() - waitingSince;
    await pause(Math.min(LOOK_MS, firstMs + growth * waited), signal);
  }

  /** Waits until a copy gives out work, with threads started before: starting them takes a part of a second. */
  async function waitForClaim(session: CopySession, size: number, reason: Error): Promise<void> {
    // A target that was seen to be claimed writes for that claim alone, which the copy may replace before it has work.
    if (reason instanceof NoWorkError) throw reason;
    const { context, issuers } = session;
    const { signal } = context;
    // Threads keep the minimum index and the missing issuers that they start with, and both may change before the claim.
    if (context.minIndex === undefined && issuers === undefined) await startWorkers(session, size, true);
    noteWaiting(reason);
    const looking = await openTarget(session.targetSpec, { connections: 1, signal });
    let opened: TargetWriter | undefined;
    // Before there is a claim, there may be no place to open.
    const writer = () => (opened ??= looking.openWriter(signal));
    const hasWork = async () => (await readQueueId({ writer })) !== undefined;
    try {
      let kind: TargetContents["kind"];
      do {
        await wait(FIRST_LOOK_AT_TARGET_MS, LOOK_GROWTH_AT_TARGET);
        ({ kind } = await looking.inspect());
      } while (isFree(kind) || (kind === "claimed" && !(await hasWork())));
    } catch (error) {
      // The target was replaced, for example by another directory: the caller reopens it.
      throw error instanceof TargetRefusedError ? reason : error;
    } finally {
      await cleanUp(
        notice,
        () => opened?.close(),
        () => looking.close(),
      );
    }
  }

  async function workOnClaim(session: CopySession, claim: Claim, rounds: Rounds): Promise<MigrationReport> {
    const id = await readQueueId(session);
    if (id === undefined) throw noWork(session);
    await workOn(session, claim, rounds, {
      id,
      queue: await openQueue(options.queue, queueName(id), notice),
    });
    const { aim, marker } = rounds;
    const absentEntries = session.progress.total().get("prunedEntries");
    return await finish(session, aim, "part-copied", { minIndex: marker.minIndex, absentEntries });
  }
}

/** Whether a copy may still claim it. */
function isFree(kind: TargetContents["kind"]): boolean {
  return kind === "empty" || kind === "unclaimed-tiles";
}

/** A report of the last look at the target, with the time that this process has worked. */
function ofWholeRun(report: MigrationReport, startedAt: number): MigrationReport {
  const seconds = (performance.now() - startedAt) / 1000;
  return { ...report, seconds, entriesPerSecond: Math.round(report.entries / seconds) };
}

interface OpenedQueue {
  readonly id: string;
  readonly queue: WorkQueue;
}

/** Takes jobs of one aim until there is one of a later aim, or none of this claim is given out any more. */
async function workOn(
  session: CopySession,
  claim: Claim,
  rounds: Rounds,
  { id, queue }: OpenedQueue,
): Promise<void> {
  const { context } = session;
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  try {
    await rounds.beginParts(claim.checkpoint);
    session.progress.startPart(0);
    session.progress.phase = "waiting for work";
    const isOutgrown = async (): Promise<boolean> => {
      const outgrown = (await claimNow(session, claim, id)) !== "same";
      if (outgrown) over.abort(OVER);
      return outgrown;
    };
    const taking = takeJobs(session, rounds, queue, signal, isOutgrown).catch(async (error) => {
      // Late with a job: what it stores is refused once the copy is handed over, or has a larger aim.
      if (!(error instanceof TargetRefusedError) || !(await isOutgrown())) throw error;
    });
    taking.catch(() => over.abort(OVER));
    const watching = untilOver(session, claim, id, signal).finally(() => over.abort(OVER));
    await Promise.all([taking, watching]);
  } finally {
    over.abort(OVER);
    await queue.close();
  }
  context.signal.throwIfAborted();
}

/**
 * Takes jobs until the signal aborts, which must not fail.
 * @param isOutgrown whether the copy has a larger aim by now, of which a job may be: it is given back.
 */
export async function takeJobs(
  session: CopySession,
  rounds: Rounds,
  queue: WorkQueue,
  signal: AbortSignal,
  isOutgrown: () => Promise<boolean> = async () => false,
): Promise<void> {
  const notice = session.options.notice ?? (() => {});
  const tiles = fullTileCount(rounds.aim.size, 1);
  const share = await Share.take(session, queue);
  let failure: unknown;
  const failed = new AbortController();
  const { progress, role } = session;
  let jobs = 0;
  const begin = (run: readonly number[]): void => {
    jobs++;
    if (role !== "worker") return;
    progress.addPart(run.length * ENTRIES_PER_SEAL);
    progress.phase = "copying";
  };
  const end = (): void => {
    jobs--;
    if (role === "worker" && jobs === 0) progress.phase = "waiting for work";
  };
  const work = async (job: unknown): Promise<void> => {
    try {
      const run = tilesOfRun(parseJob(job, tiles));
      begin(run);
      await rounds.copyPart(run).finally(end);
    } catch (error) {
      if (error instanceof BeyondAimError && (await isOutgrown())) throw new Error("is of a larger aim");
      if (error instanceof RefusedJobError) notice(`A job of ${queue.location} ${error.message}`, "warning");
      else {
        // What fails here is the source, the target or this machine: another worker may be capable of it.
        failure ??= error;
        failed.abort(error);
      }
      throw error;
    }
  };
  try {
    await queue.take(work, AbortSignal.any([signal, failed.signal]));
  } finally {
    share.end();
  }
  if (failure !== undefined) throw failure;
}

async function untilOver(session: CopySession, claim: Claim, id: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    await pause(LOOK_MS, signal).catch(() => {});
    if (signal.aborted || (await claimNow(session, claim, id)) === "over") return;
    session.context.signal.throwIfAborted();
  }
}

/**
 * What has become of a claim: it is the same, it has a larger aim and is worked on all the same until a job is of that, or
 * it is over.
 * @param id of its queue.
 */
async function claimNow(
  session: CopySession,
  { marker }: Claim,
  id: string,
): Promise<"same" | "larger" | "over"> {
  const { target } = session;
  const contents = await target.inspect();
  if (contents.kind === "handed-over") return "over";
  if (contents.kind !== "claimed") {
    throw new TargetRefusedError({
      object: target.location,
      problem: "is no longer claimed for this copy",
      found: contents.kind,
      advice: "Find out who else writes here, then start the workers again",
    });
  }
  if ((await readQueueId(session)) !== id) return "over";
  if (contents.marker === marker.text) return "same";
  const advice = claimAdvice(target.markerName);
  const [before, now] = [marker.text, contents.marker].map((text) => ({
    ...parseMarker(text, target.location, advice),
    checkpoint: "",
  }));
  return isDeepStrictEqual(before, now) ? "larger" : "over";
}
