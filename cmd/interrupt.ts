/** SIGINT and SIGTERM: the first stops the work in an orderly way, the second ends the process. */

import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export type InterruptSignal = (typeof SIGNALS)[number];

/** The reason with which the work is aborted. */
export class Interruption extends Error {
  readonly signal: InterruptSignal;

  constructor(signal: InterruptSignal) {
    super(`stopped by ${signal}`);
    this.name = "Interruption";
    this.signal = signal;
  }

  /** 130 or 143, as shells report a process ended by the signal. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

export class Interrupt {
  readonly #controller = new AbortController();
  readonly #onFirst: () => void;
  readonly #listener = (signal: InterruptSignal): void => this.#receive(new Interruption(signal));

  /** @param onFirst called at the first signal, before the work is aborted. */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst;
    for (const signal of SIGNALS) process.on(signal, this.#listener);
  }

  /** Aborted with an Interruption. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Restores Node's handling of signals. */
  dispose(): void {
    for (const signal of SIGNALS) process.off(signal, this.#listener);
  }

  #receive(interruption: Interruption): void {
    if (this.signal.aborted) process.exit(interruption.exitCode);
    this.#onFirst();
    this.#controller.abort(interruption);
  }
}
