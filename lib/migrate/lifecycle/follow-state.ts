/**
 * How far a copy that follows its source is: an object in the private state of its target, so that it is seen from any
 * machine. Nothing depends on it.
 */

import type { TargetWriter } from "../ports/target.ts";
import type { Following } from "../report/progress.ts";
import type { CopySession } from "../session.ts";

const FOLLOW_PATH = ".state/tlog-migrate-follow.json";

const MAX_BYTES = 1 << 16;
const VERSION_FIELD = "tlog-migrate-follow";
const VERSION = 1;

/** It is written this often, once more where it has caught up, and seldom where nothing changes. */
const EVERY_MS = 5_000;
const UNCHANGED_EVERY_MS = 30_000;

/** As the copy said it. Times are by its clock, in ISO 8601. */
export interface FollowState {
  readonly at: string;
  /** Entries of the newest checkpoint of the source, and of the tree that is in the target, or published by a mirror. */
  readonly newest: number;
  readonly copied: number;
  /** Since when they differ. */
  readonly behindSince?: string;
  /** Since when the source shows an older checkpoint than it did before. */
  readonly staleSince?: string;
  /** Since when the source or the target has been unavailable. */
  readonly unavailableSince?: string;
}

const TIMES = ["behindSince", "staleSince", "unavailableSince"] as const;

/** What a copy has said last; undefined if none has, or something else is there. */
export async function readFollowState(writer: TargetWriter): Promise<FollowState | undefined> {
  const bytes = await writer.read(FOLLOW_PATH, MAX_BYTES);
  if (bytes === undefined) return undefined;
  try {
    const { [VERSION_FIELD]: version, ...state } = JSON.parse(Buffer.from(bytes).toString("utf8"));
    const { at, newest, copied } = state;
    const isTime = (time: unknown) => typeof time === "string" && !Number.isNaN(Date.parse(time));
    const areCounts = [newest, copied].every((count) => Number.isSafeInteger(count) && count >= 0);
    if (version !== VERSION || !isTime(at) || !areCounts) return undefined;
    const times = TIMES.filter((name) => isTime(state[name])).map((name) => [name, state[name]]);
    return { at, newest, copied, ...Object.fromEntries(times) };
  } catch {
    return undefined;
  }
}

/** Writes it while a copy follows its source. */
export class FollowStateWriter {
  readonly #session: CopySession;
  readonly #following: Following;
  readonly #timer: NodeJS.Timeout;
  #written = "";
  #saidBehind = false;
  #writtenAt = Number.NEGATIVE_INFINITY;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(session: CopySession, following: Following) {
    this.#session = session;
    this.#following = following;
    this.#timer = setInterval(() => this.#inTurn(() => this.#write()), EVERY_MS).unref();
    this.#inTurn(() => this.#write());
  }

  /** Writes at once that the copy has caught up, where it has said that it is behind. */
  caughtUp(): void {
    this.#inTurn(async () => {
      if (this.#saidBehind) await this.#write();
    });
  }

  /** Resolves when nothing is written any more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn;
  }

  /** The copy follows nothing any more: it is about to be handed over. What stays there is in nobody's way. */
  async remove(): Promise<void> {
    await this.close();
    await this.#session.target.remove(FOLLOW_PATH).catch(() => {});
  }

  async #write(): Promise<void> {
    const now = performance.now();
    const state = stateOf(this.#following, now);
    const said = JSON.stringify(state);
    if (said === this.#written && now - this.#writtenAt < UNCHANGED_EVERY_MS) return;
    const document = { [VERSION_FIELD]: VERSION, at: new Date().toISOString(), ...JSON.parse(said) };
    const batch = this.#session.writer().batch();
    await batch.put(FOLLOW_PATH, Buffer.from(`${JSON.stringify(document)}\n`));
    await batch.commit();
    [this.#written, this.#writtenAt] = [said, now];
    this.#saidBehind = state.behindSince !== undefined;
  }

  /** One at a time; what fails is tried again soon. */
  #inTurn(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(work).catch(() => {});
  }
}

function stateOf(following: Following, now: number): Omit<FollowState, "at"> {
  const { newest, copied } = following;
  const times = TIMES.flatMap((name) => {
    const time = following[name];
    return time === undefined ? [] : [[name, new Date(Date.now() - (now - time)).toISOString()]];
  });
  return { newest, copied, ...Object.fromEntries(times) };
}
