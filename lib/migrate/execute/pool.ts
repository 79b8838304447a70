/** Threads that live on from one round of copying to the next, with their connections. */

import type { Executor } from "../ports/executor.ts";

export class ThreadPool {
  #executor: Executor | undefined;
  #threads = 0;

  /**
   * An executor of so many threads or more: the last round's, unless it has fewer.
   * @param start starts one.
   */
  async atLeast(threads: number, start: () => Executor): Promise<Executor> {
    if (this.#executor !== undefined && this.#threads < threads) await this.close();
    if (this.#executor === undefined) this.#threads = threads;
    this.#executor ??= start();
    return this.#executor;
  }

  /** Ends the threads, after a run that failed or at the end. */
  async close(): Promise<void> {
    const executor = this.#executor;
    this.#executor = undefined;
    await executor?.close();
  }
}
