/** A target that is to be handed over: nothing is public, and it is ready at any moment. */

import { LogError } from "../../errors.ts";
import { SourcePace } from "../cutover/source-pace.ts";
import { CANCELLED, CutoverWatch, type PendingCutover } from "../cutover/watch.ts";
import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { MigrationReport } from "../report/report.ts";
import type { CopySession } from "../session.ts";
import { mayPass } from "../throttle/outage.ts";
import { finish, handOver } from "./handover.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Rounds } from "./rounds.ts";
import { copyUntilStill, DEFAULT_SETTLE_MS, WriterAliveError } from "./settle.ts";

/** Entries that are added before what was added is listed: a listing costs about as much whatever has grown. */
const CHECKED_EVERY = 65_536;

/** A request for a cutover is found after so long at most. */
const MAX_UNHEARD_MS = 1_000;

export class Takeover implements Lifecycle {
  readonly #session: CopySession;
  readonly #rounds: Rounds;
  readonly #watch: CutoverWatch;
  readonly #pace = new SourcePace();
  #announced: string | undefined;

  constructor(session: CopySession, rounds: Rounds, intervalMs: number) {
    this.#session = session;
    this.#rounds = rounds;
    this.#watch = new CutoverWatch(session, rounds.marker, Math.min(intervalMs, MAX_UNHEARD_MS));
  }

  get reached(): number {
    return this.#rounds.done;
  }

  get isAwaited(): boolean {
    return this.#watch.pending !== undefined;
  }

  async settle(_newest: TrustedCheckpoint, hasCopied: boolean): Promise<void> {
    if (hasCopied) this.#pace.grew();
    const isChecked = this.#rounds.checkInBackground();
    await this.#rounds.removeReplaced();
    if (isChecked && this.#rounds.unchecked >= CHECKED_EVERY) await this.#rounds.check();
  }

  async ending(): Promise<(() => Promise<MigrationReport>) | undefined> {
    const request = this.#watch.pending;
    if (request === undefined || !(await this.#isReadyFor(request))) return undefined;
    return async () => {
      const [session, { aim }] = [this.#session, this.#rounds];
      const pruned = await this.#rounds.end();
      await handOver(session, aim, this.#rounds.marker, pruned);
      return await finish(session, aim, "handed-over", pruned);
    };
  }

  close(): Promise<void> {
    return this.#watch.close();
  }

  /**
   * The last rounds before a handover: whether all is ready, and the request was still there.
   * @throws OperationError if something is unavailable: the request stays, and is tried again.
   */
  async #isReadyFor(request: PendingCutover): Promise<boolean> {
    const { options, context } = this.#session;
    const rounds = this.#rounds;
    const signal = AbortSignal.any([context.signal, request.cancelled]);
    const settleMs = Math.max(options.settleMs ?? DEFAULT_SETTLE_MS, this.#pace.quietAfterMs());
    const session = { ...this.#session, options: { ...options, settleMs }, context: { ...context, signal } };
    if (this.#announced !== request.id)
      options.notice?.(
        "A cutover is asked for: waiting until the source has stayed the same for the settle time",
      );
    this.#announced = request.id;
    try {
      const now = { ...rounds.aim, seenAt: performance.now() };
      await copyUntilStill(session, rounds, { first: now, handsOver: true });
      await this.#rounds.removeReplaced();
    } catch (error) {
      if (error === CANCELLED) return this.#cancelled();
      const isLasting = error instanceof LogError && !mayPass(error);
      if (!isLasting && !(error instanceof WriterAliveError)) throw error;
      await this.#watch.refuse(request, error.message);
      if (isLasting) throw error;
      options.notice?.(`The cutover is refused, and the source is followed on: ${error.message}`, "warning");
      return false;
    }
    return (await this.#watch.withdraw(request)) || this.#cancelled();
  }

  #cancelled(): false {
    this.#session.options.notice?.("The cutover was cancelled: the source is followed on");
    return false;
  }
}
