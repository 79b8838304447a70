/** Checks of a target that is brought to larger and larger trees of a log (promise 3): all of it once, then what was added. */

import { setTimeout } from "node:timers/promises";
import type { TreeHead } from "../ports/source.ts";
import type { CopySession } from "../session.ts";
import { Absences } from "../target/absences.ts";
import { checkTarget } from "../target/root-check.ts";
import { mayPass, OutageReporter } from "../throttle/outage.ts";
import { pause } from "../throttle/pause.ts";
import type { PartialObjects } from "./partial-objects.ts";

/** A wait for a check ends so soon after its signal. */
const LOOK_MS = 200;

/** A store that does not answer holds nothing up for longer. */
const CLOSE_MS = 5_000;

export class TargetChecks {
  readonly #session: CopySession;
  readonly #partials: PartialObjects;
  readonly #closing = new AbortController();
  /** Size of the tree whose objects were checked, by an earlier run too. */
  #checked: number;
  #isFirstDone = false;
  #absences = new Absences();
  /** The first check, while it goes on next to rounds; never rejects. */
  #meanwhile: Promise<void> | undefined;
  #sizeUnderWay = 0;
  /** Whether it is waited for: until then the source is copied first. */
  #isAwaited = false;
  #failure: { readonly error: unknown } | undefined;
  readonly #outage: OutageReporter;

  /**
   * @param partials receives those that are found.
   * @param published size of the tree that an earlier run has checked, and published.
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

  /** Size of the tree that is being checked next to rounds: what only that needs must stay. */
  get underWay(): number | undefined {
    return this.#meanwhile && this.#sizeUnderWay;
  }

  /** @throws what is found, also by the check that goes on meanwhile; or the signal's reason. */
  async check(aim: TreeHead, signal: AbortSignal): Promise<void> {
    this.#isAwaited = true;
    try {
      while (this.#meanwhile !== undefined) {
        await Promise.race([this.#meanwhile, pause(LOOK_MS, signal)]);
      }
    } finally {
      this.#isAwaited = false;
    }
    this.#throwFailure();
    await this.#check(aim, signal);
  }

  /**
   * Begins the first check, unless it goes on; again where the target was unavailable, which is waited for. Nothing of the
   * tree may be removed before it is done.
   * @param grownTo the size to which rounds bring the target meanwhile.
   * @returns whether it is done.
   * @throws what it has found.
   */
  checkMeanwhile(aim: TreeHead, grownTo: () => number): boolean {
    if (this.#failure !== undefined && mayPass(this.#failure.error)) {
      this.#outage.failed(this.#failure.error);
      this.#failure = undefined;
    }
    this.#throwFailure();
    if (this.#isFirstDone) return true;
    if (this.#meanwhile !== undefined) return false;
    this.#sizeUnderWay = aim.size;
    this.#meanwhile = this.#check(aim, this.#closing.signal, grownTo)
      .then(() => this.#outage.ended())
      .catch((error) => {
        this.#failure = { error };
      })
      .finally(() => {
        this.#meanwhile = undefined;
      });
    return false;
  }

  /** Ends what goes on: it may write, which belongs to the claim. A request that is under way can only read. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("the copy has ended"));
    await Promise.race([this.#meanwhile, setTimeout(CLOSE_MS, undefined, { ref: false })]);
  }

  async #check(aim: TreeHead, ends: AbortSignal, grownTo?: () => number): Promise<void> {
    const { context, target, issuers, options } = this.#session;
    const signal = AbortSignal.any([context.signal, ends]);
    const absences = await checkTarget({ ...this.#session, context: { ...context, signal } }, aim, {
      since: this.#checked,
      ...(grownTo && { grownTo, isPatient: () => !this.#isAwaited }),
      listed: ({ path }) => this.#partials.addFound(path),
    });
    // What was added later lies above any minimum index.
    if (!this.#isFirstDone) {
      this.#absences = absences;
      if (absences.hasGaps) options.notice?.(GAPS, "warning");
    }
    // What is only known to rounds that go on may not be stored yet.
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
