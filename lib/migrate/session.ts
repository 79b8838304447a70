/** One run of a migration: its options with their defaults, and what it has opened. */

import { availableParallelism } from "node:os";
import { openTarget, type TargetAccess } from "../../storage/backends.ts";
import { Issuers } from "./issuers/registry.ts";
import type { LogWorkOptions, MigrationOptions } from "./options.ts";
import type { MigrationTarget, TargetWriter } from "./ports/target.ts";
import { Progress } from "./progress.ts";
import { DEFAULT_RETRY, openReadContext, type ReadContext, type ReadSpec } from "./read/context.ts";
import type { SealMeaning } from "./target/seal-guarantees.ts";
import { WindowKeeper } from "./throttle/limit-controller.ts";
import { RequestRate } from "./throttle/rate-limiter.ts";
import { newWindow, WindowState } from "./throttle/shared-limit.ts";

const MAX_DEFAULT_WORKERS = 8;
const CONCURRENCY_A_WORKER = 16;
const DEFAULT_BUDGET_BYTES = 128_000_000;

/** Requests that the main thread has in flight: tiles above the bundles, a few ahead. */
const MAIN_THREAD_CONCURRENCY = 8;

/** Requests in flight to begin with, unless the operator names a number. */
const FIRST_REQUESTS = 16;

/** How the threads share the work. */
export interface Parallelism {
  readonly workers: number;
  /** Bundles in flight over all workers. */
  readonly concurrency: number;
  /** Bytes in flight over all workers. */
  readonly budgetBytes: number;
}

/** A migration under way, in the main thread. */
export interface Run {
  readonly options: MigrationOptions;
  readonly parallelism: Parallelism;
  readonly readSpec: ReadSpec;
  readonly progress: Progress;
  /** How the main thread reads the source. */
  readonly context: ReadContext;
  readonly target: MigrationTarget;
  /** How every thread reaches the target. */
  readonly targetAccess: TargetAccess;
  /** The main thread's writer; the target must be claimed first. */
  readonly writer: () => TargetWriter;
  /** What its seals tell. */
  readonly meaning: SealMeaning;
  /** Of a Static CT log; undefined for others. */
  readonly issuers: Issuers | undefined;
  readonly startedAt: number;
  /** Ends what is open. */
  close(): Promise<void>;
}

export function openRun(options: MigrationOptions): Run {
  const progress = options.progress ?? new Progress();
  const targetAccess = targetAccessOf(options);
  const signal = options.signal ?? new AbortController().signal;
  const target = openTarget(options.target, targetAccess, signal);
  const readSpec = readSpecOf(options.source, options);
  let writer: TargetWriter | undefined;
  const context = openReadContext(
    { ...readSpec, concurrency: MAIN_THREAD_CONCURRENCY },
    progress.own,
    signal,
  );
  const { format, allowMissingIssuers = false, deep = false } = options;
  const isStaticCt = format === "static-ct";
  const meaning: SealMeaning = {
    format,
    allowMissingIssuers: isStaticCt && allowMissingIssuers,
    deep: isStaticCt && deep,
  };
  const openWriter = () => {
    writer ??= target.openWriter(signal);
    return writer;
  };
  const keeper = startKeeper(readSpec, options, progress);
  return {
    options,
    parallelism: parallelismOf(options),
    readSpec,
    progress,
    context,
    target,
    targetAccess,
    writer: openWriter,
    meaning,
    issuers: isStaticCt ? new Issuers({ context, writer: openWriter, deep: meaning.deep }) : undefined,
    startedAt: performance.now(),
    async close() {
      keeper.stop();
      await Promise.all([context.source.close(), writer?.close(), target.close()]);
    },
  };
}

/** How every thread is to reach a target; a worker adds how many requests it has in flight. */
export function targetAccessOf(
  options: Pick<MigrationOptions, "targetState" | "retry" | "access">,
): TargetAccess {
  return {
    ...options.targetState,
    connections: MAIN_THREAD_CONCURRENCY,
    patience: options.retry ?? DEFAULT_RETRY,
    userAgentVersion: options.access.userAgentVersion,
  };
}

/** The threads' share of the work, with the defaults. */
export function parallelismOf(options: Omit<LogWorkOptions, "policy">): Parallelism {
  const workers = options.workers ?? Math.min(availableParallelism(), MAX_DEFAULT_WORKERS);
  return {
    workers,
    concurrency: options.concurrency ?? workers * CONCURRENCY_A_WORKER,
    budgetBytes: options.budgetBytes ?? DEFAULT_BUDGET_BYTES,
  };
}

/** How every thread is to read a source. */
export function readSpecOf(source: string, options: Omit<LogWorkOptions, "policy">): ReadSpec {
  const { requestsPerSecond, access, format, retry = DEFAULT_RETRY } = options;
  return {
    source,
    access,
    format,
    concurrency: 1,
    retry,
    rate:
      requestsPerSecond === undefined
        ? undefined
        : { perSecond: requestsPerSecond, shared: new RequestRate(requestsPerSecond).share() },
    window: newWindow({ ...retry, maximum: parallelismOf(options).concurrency }),
  };
}

/** Starts to look after the window by which threads read a source, until it is told to stop. */
export function startKeeper(
  { window }: ReadSpec,
  { concurrency, notice }: Omit<LogWorkOptions, "policy">,
  progress: Progress,
): WindowKeeper {
  const state = new WindowState(window);
  const start = concurrency ?? Math.min(FIRST_REQUESTS, state.maximum);
  const keeper = new WindowKeeper(state, { start, counters: progress.own, notice });
  progress.window = state;
  keeper.start();
  return keeper;
}
