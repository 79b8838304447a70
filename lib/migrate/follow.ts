/** Following a source: round after round as it grows, for a target that is ready to be handed over, or a mirror. */

import { VerificationError } from "../errors.ts";
import { formatCount } from "../tlog/quantities.ts";
import { onClaimedTarget } from "./lifecycle/claimed.ts";
import { FollowStateWriter } from "./lifecycle/follow-state.ts";
import type { Lifecycle } from "./lifecycle/lifecycle.ts";
import { Mirror } from "./lifecycle/mirror.ts";
import type { Rounds } from "./lifecycle/rounds.ts";
import { Takeover } from "./lifecycle/takeover.ts";
import { checkFollow } from "./options/check-options.ts";
import type { FollowOptions } from "./options/options.ts";
import type { BackendModules } from "./ports/backend.ts";
import type { OpenQueue } from "./ports/work-queue.ts";
import { divided } from "./queue/divide.ts";
import type { TrustedCheckpoint } from "./read/trusted-checkpoint.ts";
import type { Following } from "./report/progress.ts";
import type { MigrationReport } from "./report/report.ts";
import type { CopySession } from "./session.ts";
import type { Claim } from "./target/claim.ts";
import { pollSourceCheckpoint } from "./target/source-checkpoint.ts";
import { mayPass, OutageReporter } from "./throttle/outage.ts";
import { pause } from "./throttle/pause.ts";

const DEFAULT_INTERVAL_MS = 1_000;

/** A source that does not grow is looked at less and less often, at last after so many intervals. */
const MAX_QUIET_INTERVALS = 10;
const QUIET_FACTOR = 1.5;

/** The same while something is unavailable. */
const MAX_OUTAGE_INTERVALS = 30;

/** An older checkpoint is a replica that is behind; after so long, somebody should know. */
const STALE_REPORTED_MS = 60_000;

/** Rounds in a row that may fail because the source has replaced its right edge meanwhile. */
const MAX_OVERTAKEN = 3;

/** A request for a cutover ends a wait after so long at most. */
const LOOK_MS = 200;

/**
 * Copies a log, and what is added to it, until a cutover is asked for; then hands it over. A mirror goes on without an end.
 * @param openQueue opens the queue by which larger rounds are divided, where the options name one.
 * @throws VerificationError if the log forks, TargetRefusedError if the target is another's by now, or the signal's
 * reason. A source or a target that is unavailable is waited for.
 */
export async function follow(
  options: FollowOptions,
  modules: BackendModules,
  openQueue: OpenQueue,
): Promise<MigrationReport> {
  checkFollow(options);
  const { mirror: isMirror = false, intervalMs = DEFAULT_INTERVAL_MS, queue: url } = options;
  // A copy without a handover: only a request may add that.
  const copy = { ...options, handOver: false, snapshot: false, saveCheckpoint: false };
  const work = async (session: CopySession, claim: Claim, rounds: Rounds): Promise<MigrationReport> => {
    const lifecycle = isMirror
      ? new Mirror(session, rounds, claim.published)
      : new Takeover(session, rounds, intervalMs);
    const run = () => new Follower(session, claim, rounds, lifecycle, intervalMs).run();
    try {
      return await divided(session, claim, rounds, { url, openQueue }, run);
    } finally {
      await lifecycle.close();
    }
  };
  return await onClaimedTarget(copy, modules, work, {
    isMirror,
    role: url === undefined ? "alone" : "leader",
  });
}

class Follower implements Following {
  readonly #session: CopySession;
  readonly #rounds: Rounds;
  readonly #lifecycle: Lifecycle;
  readonly #intervalMs: number;
  readonly #outage: OutageReporter;
  #newest: TrustedCheckpoint;
  #state: FollowStateWriter | undefined;
  /** When the source's checkpoint was last asked for. */
  #polledAt = performance.now();
  #overtaken = 0;
  #behindSince: number | undefined;
  #caughtUpAt: number | undefined;
  #stale: { readonly note: Uint8Array; readonly since: number; readonly isReported: boolean } | undefined;

  constructor(
    session: CopySession,
    { checkpoint }: Claim,
    rounds: Rounds,
    lifecycle: Lifecycle,
    intervalMs: number,
  ) {
    this.#session = session;
    this.#rounds = rounds;
    this.#lifecycle = lifecycle;
    this.#intervalMs = intervalMs;
    this.#newest = checkpoint;
    this.#outage = new OutageReporter(session.options.notice);
    this.#note();
    session.progress.following = this;
  }

  get newest(): number {
    return Math.max(this.#newest.size, this.#rounds.aim.size);
  }

  get copied(): number {
    return this.#lifecycle.reached;
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
    return this.#outage.since ?? this.#rounds.listingUnavailableSince;
  }

  get isCutoverPending(): boolean {
    return this.#lifecycle.isAwaited;
  }

  get published(): number | undefined {
    return this.#session.isMirror ? this.#lifecycle.reached : undefined;
  }

  async run(): Promise<MigrationReport> {
    const state = new FollowStateWriter(this.#session, this);
    this.#state = state;
    try {
      const end = await this.#follow();
      // From here on nothing is followed any more: what fails is finished, or taken back, by another run.
      await state.remove();
      return await end();
    } finally {
      await state.close();
    }
  }

  /** Follows until its end: how it ends. */
  async #follow(): Promise<NonNullable<Awaited<ReturnType<Lifecycle["ending"]>>>> {
    let waitMs = this.#intervalMs;
    let end: Awaited<ReturnType<Lifecycle["ending"]>>;
    while (end === undefined) {
      try {
        // A right edge that is missing may have given way to a larger one.
        if (this.#outage.since !== undefined) this.#saw(await this.#poll());
        const hasGrown = await this.#round();
        end = await this.#lifecycle.ending();
        this.#saw(this.#rounds.aim);
        if (end !== undefined) break;
        waitMs = hasGrown
          ? this.#intervalMs
          : Math.min(waitMs * QUIET_FACTOR, MAX_QUIET_INTERVALS * this.#intervalMs);
        // From look to look: what was added during a long round is not left for another interval.
        await this.#rest(this.#polledAt + waitMs - performance.now(), true);
        this.#saw(await this.#poll());
        this.#outage.ended();
      } catch (error) {
        if (!mayPass(error)) throw error;
        this.#outage.failed(error);
        waitMs = Math.min(waitMs * 2, MAX_OUTAGE_INTERVALS * this.#intervalMs);
        await this.#rest(waitMs, false);
      }
    }
    return end;
  }

  /** Brings the target to the newest checkpoint: whether there was something to copy. */
  async #round(): Promise<boolean> {
    const rounds = this.#rounds;
    if (this.#newest.size > rounds.aim.size) await rounds.raise(this.#newest);
    const hasCopied = !rounds.isDone;
    if (hasCopied) await this.#copy();
    const { aim } = rounds;
    await this.#lifecycle.settle(this.#newest.size === aim.size ? this.#newest : aim, hasCopied);
    this.#note();
    return hasCopied;
  }

  async #copy(): Promise<void> {
    const rounds = this.#rounds;
    try {
      await rounds.copy();
    } catch (error) {
      if (!(error instanceof VerificationError) || ++this.#overtaken > MAX_OVERTAKEN) throw error;
      this.#newest = await this.#poll();
      // What the source had of its right edge may have given way to what it has by now.
      if (this.#newest.size <= rounds.aim.size) throw error;
      await rounds.raise(this.#newest);
      await this.#copy();
    }
    this.#overtaken = 0;
  }

  /** The source's checkpoint; an older one, of a replica that is behind, is as good as the one that is known. */
  async #poll(): Promise<TrustedCheckpoint> {
    const { aim } = this.#rounds;
    this.#polledAt = performance.now();
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
    // Of the same size, it may have other signatures.
    if (now.size >= this.#newest.size) this.#newest = now;
    this.#note();
  }

  /** For those who watch: how far the target is behind. */
  #note(): void {
    const isBehind = this.newest > this.copied;
    this.#behindSince = isBehind ? (this.#behindSince ?? performance.now()) : undefined;
    if (isBehind) return;
    this.#caughtUpAt = Date.now();
    this.#state?.caughtUp();
  }

  /** @param wakes whether a request for a cutover ends it. */
  async #rest(milliseconds: number, wakes: boolean): Promise<void> {
    const { progress, context } = this.#session;
    progress.phase = "waiting for the source to grow";
    const end = performance.now() + milliseconds;
    for (let left = milliseconds; left > 0; left = end - performance.now()) {
      await pause(Math.min(left, LOOK_MS), context.signal);
      if (wakes && this.#lifecycle.isAwaited) return;
    }
  }
}
