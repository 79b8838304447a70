/** Following a source: round after round as it grows, ready to be handed over at any moment, until it is asked for. */

import { LogError, OperationError, VerificationError } from "../errors.ts";
import { formatCount } from "../tlog/quantities.ts";
import { CANCELLED, CutoverWatch, type PendingCutover } from "./cutover/watch.ts";
import { onClaimedTarget } from "./lifecycle/claimed.ts";
import { finish, handOver } from "./lifecycle/handover.ts";
import type { Rounds } from "./lifecycle/rounds.ts";
import { copyUntilStill, WriterAliveError } from "./lifecycle/settle.ts";
import { checkFollow } from "./options/check-options.ts";
import type { FollowOptions } from "./options/options.ts";
import type { BackendModules } from "./ports/backend.ts";
import type { TrustedCheckpoint } from "./read/trusted-checkpoint.ts";
import type { Following } from "./report/progress.ts";
import type { MigrationReport } from "./report/report.ts";
import type { CopySession } from "./session.ts";
import type { Claim } from "./target/claim.ts";
import { pollSourceCheckpoint } from "./target/source-checkpoint.ts";
import { OutageReporter } from "./throttle/outage.ts";
import { pause } from "./throttle/pause.ts";

const DEFAULT_INTERVAL_MS = 1_000;

/** A request for a cutover is found after so long at most. */
const MAX_UNHEARD_MS = 1_000;

/** A source that does not grow is looked at less and less often, at last after so many intervals. */
const MAX_QUIET_INTERVALS = 10;
const QUIET_FACTOR = 1.5;

/** The same while something is unavailable. */
const MAX_OUTAGE_INTERVALS = 30;

/** An older checkpoint is a replica that is behind; after so long, somebody should know. */
const STALE_REPORTED_MS = 60_000;

/** Entries that are added before what was added is listed: a listing costs about as much whatever has grown. */
const CHECKED_EVERY = 65_536;

/** Rounds in a row that may fail because the source has replaced its right edge meanwhile. */
const MAX_OVERTAKEN = 3;

/** A request for a cutover ends a wait after so long at most. */
const LOOK_MS = 200;

/**
 * Copies a log, and what is added to it, until a cutover is asked for; then hands it over.
 * @throws VerificationError if the log forks, TargetRefusedError if the target is another's by now, or the signal's
 * reason. A source or a target that is unavailable is waited for.
 */
export async function follow(options: FollowOptions, modules: BackendModules): Promise<MigrationReport> {
  checkFollow(options);
  // A copy without a handover: only a request may add that.
  const copy = { ...options, handOver: false, snapshot: false, saveCheckpoint: false };
  return await onClaimedTarget(copy, modules, async (session, claim, rounds) => {
    const { intervalMs = DEFAULT_INTERVAL_MS } = options;
    const watch = new CutoverWatch(session, claim.marker, Math.min(intervalMs, MAX_UNHEARD_MS));
    try {
      return await new Follower(session, claim, rounds, watch, intervalMs).run();
    } finally {
      await watch.close();
    }
  });
}

class Follower implements Following {
  readonly #session: CopySession;
  readonly #rounds: Rounds;
  readonly #watch: CutoverWatch;
  readonly #intervalMs: number;
  readonly #outage: OutageReporter;
  #newest: TrustedCheckpoint;
  #overtaken = 0;
  #announced: string | undefined;
  #behindSince: number | undefined;
  #caughtUpAt: number | undefined;
  #stale: { readonly note: Uint8Array; readonly since: number; readonly isReported: boolean } | undefined;

  constructor(
    session: CopySession,
    { checkpoint }: Claim,
    rounds: Rounds,
    watch: CutoverWatch,
    intervalMs: number,
  ) {
    this.#session = session;
    this.#rounds = rounds;
    this.#watch = watch;
    this.#intervalMs = intervalMs;
    this.#newest = checkpoint;
    this.#outage = new OutageReporter(session.options.notice);
    this.#note();
    session.progress.following = this;
  }

  get newest(): number {
    return this.#newest.size;
  }

  get copied(): number {
    return this.#rounds.done;
  }

  get behindSince(): number | undefined {
    return this.#behindSince;
  }

  get caughtUpAt(): number | undefined {
    return this.#caughtUpAt;
  }

  get staleSince(): number | undefined {
    return this.#stale?.since;
  }

  get unavailableSince(): number | undefined {
    return this.#outage.since;
  }

  get isCutoverPending(): boolean {
    return this.#watch.pending !== undefined;
  }

  async run(): Promise<MigrationReport> {
    let waitMs = this.#intervalMs;
    for (;;) {
      try {
        const hasGrown = await this.#round();
        const request = this.#watch.pending;
        if (request !== undefined && (await this.#isReadyFor(request))) break;
        waitMs = hasGrown
          ? this.#intervalMs
          : Math.min(waitMs * QUIET_FACTOR, MAX_QUIET_INTERVALS * this.#intervalMs);
        await this.#rest(waitMs, true);
        this.#saw(await this.#poll());
        this.#outage.ended();
      } catch (error) {
        if (!(error instanceof OperationError)) throw error;
        this.#outage.failed(error);
        waitMs = Math.min(waitMs * 2, MAX_OUTAGE_INTERVALS * this.#intervalMs);
        await this.#rest(waitMs, false);
      }
    }
    // From here on nothing is followed any more: what fails is finished, or taken back, by another run.
    const [session, { aim }] = [this.#session, this.#rounds];
    const pruned = await this.#rounds.settlePruned();
    await handOver(session, aim, this.#rounds.marker, pruned);
    return await finish(session, aim, "handed-over", pruned);
  }

  /** Brings the target to the newest checkpoint: whether there was something to do. */
  async #round(): Promise<boolean> {
    const rounds = this.#rounds;
    if (this.#newest.size > rounds.aim.size) await rounds.raise(this.#newest);
    if (rounds.isDone) return false;
    try {
      await rounds.copy();
    } catch (error) {
      if (!(error instanceof VerificationError) || ++this.#overtaken > MAX_OVERTAKEN) throw error;
      this.#newest = await this.#poll();
      // What the source had of its right edge may have given way to what it has by now.
      if (this.#newest.size <= rounds.aim.size) throw error;
      return await this.#round();
    }
    this.#overtaken = 0;
    await rounds.removeObsolete();
    if (rounds.unchecked >= CHECKED_EVERY) await rounds.check();
    this.#note();
    return true;
  }

  /** The source's checkpoint; an older one, of a replica that is behind, is as good as the one that is known. */
  async #poll(): Promise<TrustedCheckpoint> {
    const { aim } = this.#rounds;
    const now = await pollSourceCheckpoint(this.#session, aim, this.#stale?.note);
    if (now.size >= aim.size) {
      this.#stale = undefined;
      return now;
    }
    const { since = performance.now(), isReported = false } = this.#stale ?? {};
    const isDue = !isReported && performance.now() - since >= STALE_REPORTED_MS;
    if (isDue) {
      this.#session.options.notice?.(
        `The source's checkpoint has been of size ${formatCount(now.size)} for a minute, older than the one of size ${formatCount(aim.size)} that was read before: a cache or a replica is behind, and this copy waits for it`,
        "warning",
      );
    }
    this.#stale = { note: now.note, since, isReported: isReported || isDue };
    return aim;
  }

  #saw(now: TrustedCheckpoint): void {
    if (now.size > this.#newest.size) this.#newest = now;
    this.#note();
  }

  /** For those who watch: how far the target is behind. */
  #note(): void {
    const isBehind = this.newest > this.copied;
    this.#behindSince = isBehind ? (this.#behindSince ?? performance.now()) : undefined;
    if (!isBehind) this.#caughtUpAt = Date.now();
  }

  /** @param wakes whether a request for a cutover ends it. */
  async #rest(milliseconds: number, wakes: boolean): Promise<void> {
    const { progress, context } = this.#session;
    progress.phase = "waiting for the source to grow";
    const end = performance.now() + milliseconds;
    for (let left = milliseconds; left > 0; left = end - performance.now()) {
      await pause(Math.min(left, LOOK_MS), context.signal);
      if (wakes && this.#watch.pending !== undefined) return;
    }
  }

  /**
   * The last rounds before a handover: whether all is ready, and the request was still there.
   * @throws OperationError if something is unavailable: the request stays, and is tried again.
   */
  async #isReadyFor(request: PendingCutover): Promise<boolean> {
    const { options, context } = this.#session;
    const rounds = this.#rounds;
    const signal = AbortSignal.any([context.signal, request.cancelled]);
    const session = { ...this.#session, context: { ...context, signal } };
    if (this.#announced !== request.id)
      options.notice?.(
        "A cutover is asked for: waiting until the source has stayed the same for the settle time",
      );
    this.#announced = request.id;
    try {
      const now = { ...rounds.aim, seenAt: performance.now() };
      await copyUntilStill(session, rounds, { first: now, handsOver: true });
      await rounds.removeObsolete();
    } catch (error) {
      if (error === CANCELLED) return this.#cancelled();
      const isLasting = error instanceof LogError && !(error instanceof OperationError);
      if (!isLasting && !(error instanceof WriterAliveError)) throw error;
      await this.#watch.refuse(request, error.message);
      if (isLasting) throw error;
      options.notice?.(`The cutover is refused, and the source is followed on: ${error.message}`, "warning");
      return false;
    }
    this.#saw(rounds.aim);
    return (await this.#watch.withdraw(request)) || this.#cancelled();
  }

  #cancelled(): false {
    this.#session.options.notice?.("The cutover was cancelled: the source is followed on");
    return false;
  }
}
