/**
 * Whether a source answers later because it is asked for so much at once. The rule follows LEDBAT (RFC 6817), the
 * congestion control of transfers that are to stay in the background, and Little's law.
 *
 * Latency is the time to the head of a response, so that the size of the body is not in it. Of a round of many
 * responses the least counts: a stall here or there, a miss in a cache, a burst of others delay some responses, but
 * a queue that does not end delays them all. Where the least is 100 ms above the least ever seen, and at least twice
 * that, either a queue stands at the server, and then half of what is in flight waits in it, and half as much keeps
 * the server as busy; or the server, or what is asked of it, is slower now than it was, whoever asks. Which of the
 * two is tried out: half as much in flight shortens a queue, and nothing else.
 *
 * So this costs no throughput, wherever the queue is. It is not looked for where this machine is busy itself: its
 * own delay would be told as the server's.
 */

/** What the latency of a round of responses says. */
export type Verdict =
  | "as-ever"
  /** Try half as much, and judge again. */
  | "suspicious"
  /** It was a queue, and is shorter now. */
  | "queueing"
  /** Half as much changed nothing: take it back. */
  | "slower";

/** A round of responses. */
export interface Round {
  /** The least time to the head of a response, in milliseconds. */
  readonly leastMs: number;
  /** A thread had so much to do that its own delay may be in it. */
  readonly busy: boolean;
  /** The window was in use, and can be made smaller. */
  readonly isFull: boolean;
}

const QUEUE_MS = 100;

/** A queue of requests is half as long, with some tolerance, when half as many are in flight. */
const SHORTER = 0.75;

/** After half as much has changed nothing, it is not tried again for so long. */
const SLOWER_FOR_MS = 60_000;

export class LatencyJudge {
  #least = Number.POSITIVE_INFINITY;
  /** The latency that is to become shorter, while half as much is tried. */
  #suspicious: number | undefined;
  #silentUntil = Number.NEGATIVE_INFINITY;

  /** Whether the verdict on the next round decides on a suspicion. */
  get isTrying(): boolean {
    return this.#suspicious !== undefined;
  }

  /** Drops a suspicion: the window has changed for another reason. */
  reset(): void {
    this.#suspicious = undefined;
  }

  judge({ leastMs, busy, isFull }: Round, nowMs: number): Verdict {
    const before = this.#suspicious;
    if (before !== undefined) {
      this.#suspicious = undefined;
      if (leastMs <= SHORTER * before) return "queueing";
      this.#least = leastMs;
      this.#silentUntil = nowMs + SLOWER_FOR_MS;
      return "slower";
    }
    this.#least = Math.min(this.#least, leastMs);
    const isQueue = leastMs >= this.#least + QUEUE_MS && leastMs >= 2 * this.#least;
    if (!isQueue || busy || !isFull || nowMs < this.#silentUntil) return "as-ever";
    this.#suspicious = leastMs;
    return "suspicious";
  }
}
