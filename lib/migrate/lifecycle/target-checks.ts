/** Checks of a target that grows with its source (promise 3): the whole target once, then what was added since the last check. */

import { setTimeout } from "node:timers/promises";
import type { TreeHead } from "../ports/source.ts";
import type { CopySession } from "../session.ts";
import { Absences } from "../target/absences.ts";
import { checkTarget } from "../target/root-check.ts";
import { mayPass, OutageReporter } from "../throttle/outage.ts";
import { pause } from "../throttle/pause.ts";
import type { PartialObjects } from "./partial-objects.ts";

/** How long after its signal a wait for the background check ends, at most. */
const ABORT_CHECK_MS = 200;

/** How long `close` waits for a store that does not answer. */
const CLOSE_MS = 5_000;

export class TargetChecks {
  readonly #session: CopySession;
  readonly #partials: PartialObjects;
  readonly #closing = new AbortController();
  /** Size of the tree whose objects were checked, by this run or an earlier one. */
  #checked: number;
  #isFirstDone = false;
  #absences = new Absences();
  /** The first check, while it runs next to rounds of copying; never rejects. */
  #background: Promise<void> | undefined;
  #sizeInBackground = 0;
  /** Whether something waits for the background check, which then runs as fast as it can. */
  #isAwaited = false;
  #failure: { readonly error: unknown } | undefined;
  readonly #outage: OutageReporter;

  /**
   * @param partials receives the partial objects that a listing finds.
   * @param published size of the tree that an earlier run has checked and published.
   */
  constructor(session: CopySession, partials: PartialObjects, published = 0) {
    this.#session = session;
    this.#partials = partials;
    this.#checked = published;
    this.#outage = new OutageReporter(session.options.notice);
  }

  /** Size of the tree that this run has checked; minus infinity before the first check. */
  get size(): number {
    return this.#isFirstDone ? this.#checked : Number.NEGATIVE_INFINITY;
  }

  /** What the target lacks of a pruned log. */
  get absences(): Absences {
    return this.#absences;
  }

  /** Since when the target cannot be listed, as `performance.now()` has it. */
  get unavailableSince(): number | undefined {
    return this.#outage.since;
  }

  /** Size of the tree that the background check compares the target with: its objects must not be removed. */
  get backgroundSize(): number | undefined {
    return this.#background && this.#sizeInBackground;
  }

  /** Checks what was added, after the background check. @throws what either has found, or the signal's reason. */
  async check(aim: TreeHead, signal: AbortSignal): Promise<void> {
    this.#isAwaited = true;
    try {
      while (this.#background !== undefined) {
        await Promise.race([this.#background, pause(ABORT_CHECK_MS, signal)]);
      }
    } finally {
      this.#isAwaited = false;
    }
    this.#throwFailure();
    await this.#check(aim, signal);
  }

  /**
   * Starts the first check in the background, unless it runs already; again if the target was unavailable, which is
   * reported. Until it is done, no object of the tree may be removed.
   * @param grownTo the size to which rounds have brought the target since.
   * @returns whether it is done.
   * @throws what it has found.
   */
  checkInBackground(aim: TreeHead, grownTo: () => number): boolean {
    if (this.#failure !== undefined && mayPass(this.#failure.error)) {
      this.#outage.failed(this.#failure.error);
      this.#failure = undefined;
    }
    this.#throwFailure();
    if (this.#isFirstDone) return true;
    if (this.#background !== undefined) return false;
    this.#sizeInBackground = aim.size;
    this.#background = this.#check(aim, this.#closing.signal, grownTo)
      .then(() => this.#outage.ended())
      .catch((error) => {
        this.#failure = { error };
      })
      .finally(() => {
        this.#background = undefined;
      });
    return false;
  }

  /** Stops the background check before the claim is released, since it may write. What is left in flight only reads. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("the copy has ended"));
    await Promise.race([this.#background, setTimeout(CLOSE_MS, undefined, { ref: false })]);
  }

  async #check(aim: TreeHead, ends: AbortSignal, grownTo?: () => number): Promise<void> {
    const { context, target, issuers, options } = this.#session;
    const signal = AbortSignal.any([context.signal, ends]);
    const absences = await checkTarget({ ...this.#session, context: { ...context, signal } }, aim, {
      since: this.#checked,
      ...(grownTo && { grownTo, isLowPriority: () => !this.#isAwaited }),
      listed: ({ path }) => this.#partials.addFound(path),
    });
    // What was added later lies above any minimum index.
    if (!this.#isFirstDone) {
      this.#absences = absences;
      if (absences.hasGaps) options.notice?.(GAPS, "warning");
    }
    // In the background, a running round may know issuers that it has not stored yet.
    if (grownTo === undefined) await issuers?.requireInPlace(target);
    this.#checked = aim.size;
    this.#isFirstDone = true;
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }
}

const GAPS =
  "Bundles below the minimum index are missing after some that exist, but pruning removes the first entries of a log: if " +
  "the source was only busy or denied access for a while, the same command copies them";
