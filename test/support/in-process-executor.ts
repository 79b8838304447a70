/** The executor that works on units one after the other, in the thread that asks for it. */

import type { Executor, UnitResult, WorkUnit } from "../../lib/migrate/ports/executor.ts";
import type { UnitRunner } from "../../lib/migrate/unit/run-unit.ts";

export class InProcessExecutor implements Executor {
  readonly #stop = new AbortController();
  readonly #runner: Promise<UnitRunner>;

  /** @param open opens what works on the units until the signal says to stop. */
  constructor(open: (signal: AbortSignal) => Promise<UnitRunner>) {
    this.#runner = open(this.#stop.signal);
    // What fails here is reported with the first unit.
    this.#runner.catch(() => {});
  }

  async *run(
    units: AsyncIterable<WorkUnit>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly [WorkUnit, UnitResult]> {
    const onAbort = () => this.#stop.abort(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      signal.throwIfAborted();
      const runner = await this.#runner;
      for await (const unit of units) {
        yield [unit, await runner.run(unit)];
        signal.throwIfAborted();
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error("the executor is closed"));
    const runner = await this.#runner.catch(() => undefined);
    await runner?.close();
  }
}
