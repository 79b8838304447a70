/**
 * A mirror: after each round the source's checkpoint is published, once all that it commits to is durable. It is only ever
 * replaced by a newer one of the same log, so that readers see neither an older tree nor one whose objects are missing.
 */

import { VerificationError } from "../../errors.ts";
import { equalBytes, formatHash } from "../../tlog/merkle.ts";
import { supersedes } from "../../tlog/newer-checkpoint.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { TreeHead } from "../ports/source.ts";
import { openTree } from "../read/authentic.ts";
import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { CopySession } from "../session.ts";
import { otherLog } from "../target/source-checkpoint.ts";
import { storedLog } from "../target/stored-log.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Rounds } from "./rounds.ts";

/** As for a takeover, so that what others have done to the target is found. */
const CHECKED_EVERY = 65_536;

/**
 * Readers that have an earlier checkpoint are given this long before what it alone needs is removed. Sunlight's client
 * (filippo.io/torchwood, v0.9.0) does not ask for the full object where a partial one is gone.
 */
const PARTIALS_KEPT_MS = 600_000;

export class Mirror implements Lifecycle {
  readonly #session: CopySession;
  readonly #rounds: Rounds;
  readonly #keptMs: number;
  /** What readers see. */
  #published: TrustedCheckpoint | undefined;
  /** Whether this run has published it, or found that it is durable and of the tree that is there. */
  #isOurs = false;

  /** @param published by an earlier run. */
  constructor(
    session: CopySession,
    rounds: Rounds,
    published: TrustedCheckpoint | undefined,
    keptMs = PARTIALS_KEPT_MS,
  ) {
    this.#session = session;
    this.#rounds = rounds;
    this.#published = published;
    this.#keptMs = keptMs;
  }

  get reached(): number {
    return this.#published?.size ?? 0;
  }

  /** Nobody can ask for its end but by a signal. */
  get isAwaited(): boolean {
    return false;
  }

  async settle(newest: TrustedCheckpoint): Promise<void> {
    if (this.#rounds.unchecked >= CHECKED_EVERY) await this.#rounds.check();
    await this.#publish(newest);
    await this.#rounds.partials.removeFull(this.#session.target, newest.size, this.#keptMs);
  }

  async ending(): Promise<undefined> {}

  async close(): Promise<void> {}

  async #publish(newest: TrustedCheckpoint): Promise<void> {
    const { target, progress } = this.#session;
    const before = this.#published;
    if (before !== undefined && !this.#isOurs) await this.#requireSameLog(before, newest);
    const isNewer = before === undefined || supersedes(newest, before);
    if (!isNewer && this.#isOurs) return;
    const now = isNewer ? newest : before;
    progress.phase = "publishing the checkpoint";
    await target.replaceCheckpoint?.(this.#rounds.marker.text, before?.note, now.note);
    this.#published = now;
    this.#isOurs = true;
  }

  /** @throws VerificationError unless the tree that is stored begins with the one that readers have seen. */
  async #requireSameLog(published: TrustedCheckpoint, newest: TrustedCheckpoint): Promise<void> {
    const derived = await this.#storedRoot(newest, published.size);
    if (equalBytes(derived, published.rootHash)) return;
    const problem = `the log forked: its tree of size ${formatCount(newest.size)} does not begin with the one of size ${formatCount(published.size)} that this mirror has published`;
    const { location } = this.#session.context.source;
    throw otherLog(location, problem, formatHash(published.rootHash), formatHash(derived));
  }

  /** Of the first entries of a tree that is stored. @throws VerificationError if its tiles are not as they were stored. */
  async #storedRoot(head: TreeHead, size: number): Promise<Uint8Array> {
    try {
      return await (await openTree(storedLog(this.#session), head)).rootOfPrefix(size);
    } catch (error) {
      // Not of the source, which may yet have what it lacks.
      throw error instanceof VerificationError ? new VerificationError(error.facts, { cause: error }) : error;
    }
  }
}
