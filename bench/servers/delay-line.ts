/** One direction of a delayed connection: what comes in at one end goes out at the other so much later. */

import type { Socket } from "node:net";

/** Something that goes out when it is due: bytes, the end of the stream, or its abortion. */
interface Delayed {
  /** On the clock of performance.now(). */
  readonly due: number;
  readonly what: Uint8Array | "end" | "reset";
  /** Called once the bytes are not needed any more. */
  readonly release?: (() => void) | undefined;
}

export interface DelayLineOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly delayMs: number;
  /** What comes in before counts as coming in at this time, on the clock of performance.now(). */
  readonly notBefore: number;
  /** Bytes held here beyond which nothing more is read. */
  readonly maxHeld: number;
}

/**
 * A queue of chunks in the order of their arrival. One timer a line, set for the first chunk; all that is due
 * when it fires goes out in one write. Without a delay everything is due at once, on the same way through here.
 */
export class DelayLine {
  readonly #options: DelayLineOptions;
  #queue: Delayed[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Bytes that came in and have not been taken by the kernel at the other end. */
  #held = 0;
  #paused = false;

  constructor(options: DelayLineOptions) {
    this.#options = options;
    const { from, to } = options;
    from.on("end", () => this.#add("end"));
    from.on("error", () => this.#add("reset"));
    to.on("close", () => this.#drop());
  }

  /** Takes bytes; they must stay as they are until `release` is called. */
  push(bytes: Uint8Array, release?: () => void): void {
    const { from, maxHeld } = this.#options;
    this.#held += bytes.length;
    if (this.#held > maxHeld && !this.#paused) {
      this.#paused = true;
      from.pause();
    }
    this.#add(bytes, release);
  }

  #add(what: Delayed["what"], release?: () => void): void {
    const { to, delayMs, notBefore } = this.#options;
    if (to.destroyed) {
      release?.();
      return;
    }
    const now = performance.now();
    this.#queue.push({ due: Math.max(now, notBefore) + delayMs, what, release });
    if (this.#timer === undefined) this.#deliver();
  }

  #deliver(): void {
    const { to } = this.#options;
    const now = performance.now();
    this.#timer = undefined;
    const waiting = this.#queue.findIndex(({ due }) => due > now);
    const due = this.#queue.splice(0, waiting === -1 ? this.#queue.length : waiting);
    if (due.length > 1) to.cork();
    for (const delayed of due) this.#send(delayed);
    if (due.length > 1) to.uncork();
    const next = this.#queue[0];
    // Timers count whole milliseconds: rounded up, none fires too early.
    if (next !== undefined) this.#timer = setTimeout(() => this.#deliver(), Math.ceil(next.due - now));
  }

  #send({ what, release }: Delayed): void {
    const { from, to, maxHeld } = this.#options;
    if (what === "end") to.end();
    else if (what === "reset") to.resetAndDestroy();
    else {
      to.write(what, () => {
        release?.();
        this.#held -= what.length;
        if (!this.#paused || this.#held > maxHeld / 2) return;
        this.#paused = false;
        from.resume();
      });
    }
  }

  /** Nobody is there any more who could get what is still here. */
  #drop(): void {
    clearTimeout(this.#timer);
    for (const { release } of this.#queue) release?.();
    this.#queue = [];
  }
}
