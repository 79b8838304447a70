/**
 * What ends the benchmark early: a signal, that of a closed terminal among them, and output that nobody reads.
 * All take one way, so that servers are ended and directories removed whichever it is.
 */

import { constants } from "node:os";

/** SIGHUP comes when the terminal or the connection to it is closed. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

type StopSignal = (typeof SIGNALS)[number] | "SIGPIPE";

/** The reason with which the work is aborted. */
export class Interruption extends Error {
  override readonly name = "Interruption";
  readonly signal: StopSignal;

  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }

  /** As a shell reports a process that the signal ended: 129, 130, 141 or 143. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

/** Takes signals and failures of standard output and standard error from now on. */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #onFirst: () => void;

  /** @param onFirst called once, when the work has been aborted. */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst;
    for (const signal of SIGNALS) process.on(signal, () => this.#receive(signal));
    // A pipe that was closed, or a terminal that has gone: each further write fails too.
    for (const output of [process.stdout, process.stderr]) output.on("error", () => this.#receive("SIGPIPE"));
  }

  /** Aborted with an Interruption. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  #receive(signal: StopSignal): void {
    if (!this.signal.aborted) {
      this.#controller.abort(new Interruption(signal));
      this.#onFirst();
      return;
    }
    // The others come more than once by themselves: shell and kernel both send SIGHUP, and every write fails.
    if (signal === "SIGINT" || signal === "SIGTERM") process.exit(new Interruption(signal).exitCode);
  }
}
