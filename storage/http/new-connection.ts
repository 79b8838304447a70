/**
 * A connection that was made for an exchange, until something has come over it: a server that has as many as it takes
 * resets, refuses or ends the next one, or leaves it without an answer.
 */

import type { Socket } from "node:net";
import type { ConnectionOutlook, RequestObserver } from "../../lib/migrate/ports/backend.ts";

export class NewConnection {
  readonly #observer: RequestObserver | undefined;
  /** As the outlook had it when the exchange was handed on. */
  successesBefore = 0;
  /** How many times the outlook's time it may take: an object that was given up before may be slow by itself. */
  waitFactor = 1;
  /** Undefined while there is none, or none that is new any more. */
  #askedForAt: number | undefined;

  constructor(observer: RequestObserver | undefined) {
    this.#observer = observer;
  }

  /** The exchange was given a connection. */
  assign({ isNew }: { readonly isNew: boolean }): void {
    this.#askedForAt = isNew ? performance.now() : undefined;
  }

  /** Something has come over it. */
  served(socket: Socket | undefined): void {
    const [askedForAt, observer] = [this.#askedForAt, this.#observer];
    this.#askedForAt = undefined;
    if (askedForAt === undefined || socket === undefined) return;
    observer?.connected?.(performance.now() - askedForAt);
    socket.once("close", () => observer?.disconnected?.());
  }

  /** Gives it up if it has had its time for a first answer. @returns for how long it had none, in milliseconds. */
  giveUp(now: number, { firstAnswerMs, successes, areScarce }: ConnectionOutlook): number | undefined {
    if (this.#askedForAt === undefined) return undefined;
    const waitedMs = now - this.#askedForAt;
    // A source that answers nobody is slow or down, and has its usual time.
    const isServing = successes !== this.successesBefore;
    if (waitedMs < this.waitFactor * firstAnswerMs || !(isServing || areScarce)) return undefined;
    if (isServing) this.turnedAway();
    this.#askedForAt = undefined;
    return waitedMs;
  }

  /** It was not taken. @returns whether it was new, so that the server may have too many. */
  turnedAway(): boolean {
    if (this.#askedForAt === undefined) return false;
    this.#observer?.turnedAway?.(performance.now() - this.#askedForAt);
    this.#askedForAt = undefined;
    return true;
  }
}
