/** How a copy that follows its source hears of a cutover that is asked for. */

import type { CopySession } from "../session.ts";
import type { StoredMarker } from "../target/marker.ts";
import {
  type ClaimName,
  type CutoverRequest,
  claimOf,
  isOfClaim,
  REQUEST_PATH,
  readRequest,
  writeRequest,
} from "./request.ts";

/** The reason of the signal of a request that was taken back. */
export const CANCELLED = new Error("the cutover was cancelled");

/** A request that is accepted. */
export interface PendingCutover {
  readonly id: string;
  readonly cancelled: AbortSignal;
  cancel(): void;
}

/** Looks for requests while all else goes on, and answers them. */
export class CutoverWatch {
  readonly #session: CopySession;
  readonly #claim: ClaimName;
  readonly #everyMs: number;
  #pending: PendingCutover | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** One at a time: an answer must not be replaced by an older one. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(session: CopySession, marker: StoredMarker, everyMs: number) {
    this.#session = session;
    this.#claim = claimOf(marker);
    this.#everyMs = everyMs;
    this.#lookAgain(0);
  }

  /** The request that is accepted, and not answered yet. */
  get pending(): PendingCutover | undefined {
    return this.#pending;
  }

  /** Answers that there is no handover, and why. */
  async refuse({ id }: PendingCutover, reason: string): Promise<void> {
    await this.#inTurn(async () => {
      this.#pending = undefined;
      const found = await readRequest(this.#session.writer());
      if (found?.id === id)
        await writeRequest(this.#session.writer(), { ...found, state: "refused", reason });
    });
  }

  /** Takes a request away before it is fulfilled: false if it was cancelled. */
  async withdraw({ id }: PendingCutover): Promise<boolean> {
    return await this.#inTurn(async () => {
      const found = await readRequest(this.#session.writer());
      if (found?.id === id) await this.#session.target.remove(REQUEST_PATH);
      this.#pending = undefined;
      return found?.id === id;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#turn.catch(() => {});
  }

  #lookAgain(afterMs: number): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      // The next look is soon.
      void this.#inTurn(() => this.#look())
        .catch(() => {})
        .finally(() => this.#lookAgain(this.#everyMs));
    }, afterMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { target, options } = this.#session;
    const writer = this.#session.writer();
    const found = await readRequest(writer);
    if (found !== undefined && !isOfClaim(found, this.#claim)) {
      await target.remove(REQUEST_PATH);
      options.notice?.("A request for a cutover of another copy was removed", "warning");
    } else if (found?.state === "asked") {
      await writeRequest(writer, { ...found, state: "accepted" });
      this.#accept(found);
    } else if (found?.state === "accepted") {
      this.#accept(found);
    } else {
      this.#drop();
    }
  }

  #accept(request: CutoverRequest): void {
    if (this.#pending?.id === request.id) return;
    this.#drop();
    const cancelled = new AbortController();
    this.#pending = { id: request.id, cancelled: cancelled.signal, cancel: () => cancelled.abort(CANCELLED) };
  }

  #drop(): void {
    this.#pending?.cancel();
    this.#pending = undefined;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.catch(() => {}).then(work);
    this.#turn = turn;
    return turn;
  }
}
