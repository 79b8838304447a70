/** Rounds of copying into a claimed target, each for a larger tree of the same log: what one has done, the next leaves alone. */

import { keptNote } from "../../tlog/kept-note.ts";
import type { HashTree } from "../ports/source.ts";
import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { Pruned } from "../report/report.ts";
import type { CopySession } from "../session.ts";
import type { Claim } from "../target/claim.ts";
import { replaceMarker, type StoredMarker } from "../target/marker.ts";
import { requireGrownFrom } from "../target/source-checkpoint.ts";
import { beginRound, copyBelowSeals, copyTree, type Round } from "./copy-tree.ts";
import { PartialObjects } from "./partial-objects.ts";
import { TargetChecks } from "./target-checks.ts";

/** Copies parts of a round before the rest of it is copied. */
export interface PartsCopier {
  copy(rounds: Rounds): Promise<void>;
  /** Removes what others go by: there are no more parts. */
  end(): Promise<void>;
}

export class Rounds {
  readonly #session: CopySession;
  #parts: PartsCopier | undefined;
  /** The first round, where it was begun before a new claim. */
  #begun: Round | undefined;
  /** The round of all parts that this run copies. */
  #partRound: Round | undefined;
  /** Why the first of its parts failed. */
  #partFailure: unknown;
  #resume: boolean;
  #aim: TrustedCheckpoint;
  #marker: StoredMarker;
  /** The tree of the aim, where it is authenticated already. */
  #tree: HashTree | undefined;
  /** Size of the tree that is in the target. */
  #done = 0;
  readonly #checks: TargetChecks;
  /** Whether the target has all of the aim. */
  #isDone = false;
  /** What rounds before the last one may have left. */
  readonly partials: PartialObjects;

  constructor(session: CopySession, { aim, marker, resume, published }: Claim, begun: Round | undefined) {
    this.#session = session;
    this.#begun = begun;
    this.#resume = resume;
    this.#aim = aim;
    this.partials = new PartialObjects(session.options.format);
    this.#marker = marker;
    // What is published was checked before.
    this.#checks = new TargetChecks(session, this.partials, published?.size);
    this.partials.addEdge(aim.size);
  }

  /** What the target is to have. */
  get aim(): TrustedCheckpoint {
    return this.#aim;
  }

  /** Entries that are in place, of which this run knows. */
  get done(): number {
    return this.#done;
  }

  /** Whether the target has all of the aim. */
  get isDone(): boolean {
    return this.#isDone;
  }

  get marker(): StoredMarker {
    return this.#marker;
  }

  /** Entries that were added since the last check; infinity before the first. */
  get unchecked(): number {
    return this.#done - this.#checks.size;
  }

  /**
   * Aims at a larger tree, which is pinned in the marker, so that a resume finishes this one.
   * @param tree that of the checkpoint, where it is known to begin with the one aimed at before.
   * @throws VerificationError if it does not begin with that one.
   */
  async raise(now: TrustedCheckpoint, tree?: HashTree): Promise<void> {
    this.#tree = tree ?? (await requireGrownFrom(this.#session, this.#aim, now));
    const checkpoint = keptNote(now.note, this.#session.options.policy);
    this.#marker = await replaceMarker(this.#session.target, this.#marker, { checkpoint });
    this.#aim = now;
    this.#isDone = false;
    this.partials.addEdge(now.size);
  }

  /** Copies what the target lacks of the tree aimed at; durable when it resolves. */
  async copy(): Promise<void> {
    if (this.#isDone) return;
    await this.#parts?.copy(this);
    await copyTree(this.#session, await this.#begin(), this.#marker.minIndex);
    this.#done = this.#aim.size;
    this.#isDone = true;
  }

  /** From now on each round is copied by this first. */
  dividedBy(parts: PartsCopier): void {
    this.#parts = parts;
  }

  /** Before others copy parts too: what they store is found in place later. @throws OperationError if there is too little space. */
  async share(): Promise<void> {
    const space = await this.#begun?.space;
    if (space !== undefined) await this.#session.target.requireFreeSpace(space);
    this.#begun = undefined;
    this.#resume = true;
  }

  /**
   * Before parts are copied.
   * @param now the source's checkpoint: of a source that has grown, the right edge of the aim may be gone.
   * @throws VerificationError if its tree does not begin with the one aimed at.
   */
  async beginParts(now: TrustedCheckpoint): Promise<void> {
    const hasGrown = now.size > this.#aim.size;
    const tree = hasGrown ? await requireGrownFrom(this.#session, this.#aim, now) : this.#tree;
    this.#partRound = await this.#begin(tree);
    this.#partFailure = undefined;
  }

  /**
   * Copies what the target lacks below some full level-1 tiles of the tree aimed at, by their indexes. May be called
   * again before it resolves.
   */
  async copyPart(tiles: readonly number[]): Promise<void> {
    if (this.#partRound === undefined) throw new Error("parts are begun first");
    try {
      await copyBelowSeals(this.#session, this.#partRound, this.#marker.minIndex, tiles);
    } catch (error) {
      // Other parts fail as soon as the threads end: what they fail with is not the reason.
      this.#partFailure ??= error;
      await this.#session.threads.close();
      throw this.#partFailure;
    }
  }

  async #begin(known = this.#tree): Promise<Round> {
    const [resume, done] = [this.#resume, this.#done];
    const begun = this.#begun;
    this.#begun = undefined;
    // Whatever comes of this one, the next may find objects in place.
    this.#resume = true;
    return begun ?? (await beginRound(this.#session, this.#aim, { resume, done, known }));
  }

  /**
   * Checks the target before a handover, or before a checkpoint is published (promise 3): all of it the first time, then
   * what has been added.
   * @param signal aborts the check.
   */
  async check(signal = this.#session.context.signal): Promise<void> {
    this.#session.progress.phase = "checking the target";
    await this.#checks.check(this.#aim, signal);
  }

  /** Since when the target cannot be listed, as `performance.now()` has it. */
  get listingUnavailableSince(): number | undefined {
    return this.#checks.unavailableSince;
  }

  /** Removes what the objects of the aim have replaced, where nothing is public. */
  async removeReplaced(): Promise<void> {
    if (!this.#isDone) return;
    await this.partials.removeReplaced(this.#session.target, this.#aim.size, this.#checks.backgroundSize);
  }

  /**
   * Runs the first check next to rounds: it lists the whole target, which may take minutes.
   * @returns whether it is done.
   * @throws what it has found.
   */
  checkInBackground(): boolean {
    return this.#checks.checkInBackground(this.#aim, () => this.#aim.size);
  }

  /**
   * After the last round and its check.
   * @returns what the target lacks of a pruned log, in the marker too: all else is known to be in place, and is asked for by `verify`.
   */
  async end(): Promise<Pruned> {
    await this.#parts?.end();
    const { minIndex, entries: absentEntries } = this.#checks.absences;
    if (minIndex !== this.#marker.minIndex) {
      this.#marker = await replaceMarker(this.#session.target, this.#marker, { minIndex });
    }
    return { minIndex, absentEntries };
  }

  /** Ends the threads and the background check. */
  async close(): Promise<void> {
    await this.#checks.close();
    await this.#session.threads.close();
  }
}
