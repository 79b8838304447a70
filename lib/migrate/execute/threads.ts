/**
 * The executor that works on units in threads of this process. Each thread has its own connections, hasher and writer,
 * and a few units in advance, so that it does not wait for the main thread.
 */

import { EventEmitter, on } from "node:events";
import { Worker } from "node:worker_threads";
import { fullTileCount } from "../../tlog/layout.ts";
import type { Executor, UnitResult, WorkUnit } from "../ports/executor.ts";
import { Counters } from "../report/counters.ts";
import type { Parallelism } from "../session.ts";
import type { RetryObserver } from "../throttle/backoff.ts";
import { unitBundles } from "../tree/units.ts";
import { type FromWorker, fromWire, type ToWorker } from "./messages.ts";
import { threadFailure } from "./thread-failure.ts";
import type { WorkerSpec } from "./worker.ts";

/** How long workers may take to abandon their work before they are terminated, in milliseconds. */
const STOP_GRACE_MS = 5_000;

/** How long to wait for their termination: a thread that a file system blocks never ends, but the run's error must be reported. */
const TERMINATE_GRACE_MS = 1_000;

/**
 * A worker's heap has only small objects: large buffers are outside of it, and are freed when the small object that owns
 * them is collected. Measured with 4,000,000 entries of 1 KB and two workers: 6 MB for young objects in place of
 * V8's default reduced the peak memory from 425 to 215 MB and the CPU time from 14 to 12 s. 16 MB take 12 MB more, and
 * a twentieth off the time of a copy, into a directory as into a bucket; 32 MB take no more off.
 */
const HEAP_LIMITS = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 };

/** Additional units that a worker has while other units become durable. */
const UNITS_BEHIND = 3;

/** How many threads work on a tree of this size: no more than it has units for, or than may have a bundle in flight. */
export function threadCount(size: number, { workers, concurrency }: Parallelism): number {
  const units = Math.ceil((fullTileCount(size, 0) + 1) / unitBundles(size, workers));
  return Math.max(1, Math.min(workers, units, concurrency));
}

/**
 * Starts the threads for a tree of this size.
 * @param all the list to which each thread's counters are added.
 * @param retried is notified of every retried request of a thread.
 */
export function startThreads(
  spec: Omit<WorkerSpec, "counters" | keyof Parallelism>,
  size: number,
  parallelism: Parallelism,
  all: Counters[],
  retried: RetryObserver = () => {},
): Executor {
  const { workers, concurrency, budgetBytes } = parallelism;
  const bundlesAUnit = unitBundles(size, workers);
  const threads = threadCount(size, parallelism);
  const concurrencyAThread = Math.max(1, Math.floor(concurrency / threads));
  const share = { ...spec, concurrency: concurrencyAThread, budgetBytes: budgetBytes / threads };
  const counters = Array.from({ length: threads }, () => new Counters());
  const pool = counters.map((each) => new Thread({ ...share, counters: each.share() }, retried));
  all.push(...counters);
  const unitsAThread = Math.ceil(concurrencyAThread / bundlesAUnit) + UNITS_BEHIND;
  return {
    run: (work, signal) => run(pool, unitsAThread, work, signal),
    async close() {
      await Promise.all(pool.map((thread) => thread.close()));
      // A run of weeks may start its threads again and again.
      const [own] = all;
      for (const each of counters.splice(0)) {
        if (own === each || own === undefined) continue;
        own.addAll(each);
        all.splice(all.indexOf(each), 1);
      }
    },
  };
}

/** @param unitsAThread number of units that a thread has at the same time. */
async function* run(
  threads: readonly Thread[],
  unitsAThread: number,
  units: AsyncIterable<WorkUnit>,
  signal: AbortSignal,
): AsyncGenerator<readonly [WorkUnit, UnitResult]> {
  signal.throwIfAborted();
  const iterator = units[Symbol.asyncIterator]();
  const events = new EventEmitter<{ result: [WorkUnit, UnitResult]; end: []; error: [unknown] }>();
  const results = on(events, "result", { close: ["end"] });
  // Only the first failure is listened for.
  events.on("error", () => {});
  const onAbort = () => events.emit("error", signal.reason);
  signal.addEventListener("abort", onAbort);
  let isOver = false;
  const workOn = async (thread: Thread): Promise<void> => {
    for (let next = await iterator.next(); !next.done && !isOver; next = await iterator.next()) {
      events.emit("result", next.value, await thread.run(next.value));
    }
  };
  // Each thread gets its second unit only after all threads have their first.
  Promise.all(Array.from({ length: unitsAThread }, () => threads.map(workOn)).flat()).then(
    () => events.emit("end"),
    (error) => events.emit("error", error),
  );
  try {
    yield* results as AsyncIterable<[WorkUnit, UnitResult]>;
  } finally {
    isOver = true;
    signal.removeEventListener("abort", onAbort);
    iterator.return?.().catch(() => {});
  }
}

class Thread {
  readonly #worker: Worker;
  readonly #underWay = new Map<number, PromiseWithResolvers<UnitResult>>();
  #lastId = 0;
  #failure: Error | undefined;

  constructor(workerData: WorkerSpec, retried: RetryObserver) {
    // The published package has compiled files, a clone runs the sources.
    const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    this.#worker = new Worker(new URL(file, import.meta.url), { workerData, resourceLimits: HEAP_LIMITS });
    this.#worker.on("message", (message: FromWorker) => {
      if ("retry" in message) return retried(message.retry);
      const { id, result, failure } = message;
      const unit = this.#underWay.get(id);
      this.#underWay.delete(id);
      if (failure === undefined) unit?.resolve(result);
      else unit?.reject(fromWire(failure));
    });
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("it ended while it had work")));
  }

  run(unit: WorkUnit): Promise<UnitResult> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const running = Promise.withResolvers<UnitResult>();
    const id = ++this.#lastId;
    this.#underWay.set(id, running);
    this.#worker.postMessage({ id, unit } satisfies ToWorker);
    return running.promise;
  }

  async close(): Promise<void> {
    if (this.#worker.threadId === -1) return;
    const ended = new Promise((resolve) => this.#worker.once("exit", resolve));
    const force = setTimeout(() => void this.#worker.terminate(), STOP_GRACE_MS);
    const { promise: gaveUp, resolve: giveUp } = Promise.withResolvers<void>();
    const limit = setTimeout(giveUp, STOP_GRACE_MS + TERMINATE_GRACE_MS);
    this.#worker.postMessage("stop" satisfies ToWorker);
    await Promise.race([ended, gaveUp]);
    clearTimeout(force);
    clearTimeout(limit);
  }

  #fail(error: unknown): void {
    this.#failure ??= threadFailure(error);
    for (const { reject } of this.#underWay.values()) reject(this.#failure);
    this.#underWay.clear();
  }
}
