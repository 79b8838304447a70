/** One run of `migrate` or `verifyLog`: its options with their defaults, and what it has opened. */

import { availableParallelism } from "node:os";
import { IssuerRegistry } from "./issuers/registry.ts";
import type { LogWorkOptions, MigrationOptions } from "./options.ts";
import { openTarget, type TargetSpec } from "./places.ts";
import type { BackendModules } from "./ports/backend.ts";
import type { MigrationTarget, TargetWriter } from "./ports/target.ts";
import { Progress } from "./progress.ts";
import { openReadContext, type ReadContext, type ReadSpec } from "./read/context.ts";
import type { SealGuarantees } from "./target/seal-guarantees.ts";
import { DEFAULT_RETRY } from "./throttle/backoff.ts";
import { LimitReporter } from "./throttle/limit-reporter.ts";
import { RateLimiter } from "./throttle/rate-limiter.ts";
import { newSharedLimit, SharedLimit } from "./throttle/shared-limit.ts";

const MAX_DEFAULT_WORKERS = 8;
const CONCURRENCY_A_WORKER = 16;
const DEFAULT_BUDGET_BYTES = 128_000_000;

/** Requests that the main thread has in flight: tiles above the bundles, a few ahead. */
export const MAIN_THREAD_CONCURRENCY = 8;

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

/** What `migrate` and `verifyLog` work with in the main thread: the defaults of options, and what is open. */
export interface Session<Options extends Omit<LogWorkOptions, "policy">> {
  readonly options: Options;
  readonly parallelism: Parallelism;
  readonly readSpec: ReadSpec;
  readonly progress: Progress;
  /** How the main thread reads the source. */
  readonly context: ReadContext;
  readonly startedAt: number;
  /** Ends what is open. */
  close(): Promise<void>;
}

/** A migration. */
export interface CopySession extends Session<MigrationOptions> {
  readonly target: MigrationTarget;
  /** How every thread reaches the target. */
  readonly targetSpec: TargetSpec;
  /** The main thread's writer; the target must be claimed first. */
  readonly writer: () => TargetWriter;
  /** What its seals guarantee. */
  readonly guarantees: SealGuarantees;
  /** Of a Static CT log; undefined for others. */
  readonly issuers: IssuerRegistry | undefined;
}

/** How every thread is to reach a target. */
export function targetSpecOf(
  location: string,
  options: Omit<LogWorkOptions, "policy">,
  modules: BackendModules,
): TargetSpec {
  const { targetOptions = {}, access, retry = DEFAULT_RETRY } = options;
  return { location, options: targetOptions, userAgentVersion: access.userAgentVersion, retry, modules };
}

export async function openCopySession(
  options: MigrationOptions,
  modules: BackendModules,
): Promise<CopySession> {
  const targetSpec = targetSpecOf(options.target, options, modules);
  const { signal } = options;
  const target = await openTarget(targetSpec, { connections: MAIN_THREAD_CONCURRENCY, signal });
  const session = await openSession(options.source, options, modules);
  const { context } = session;
  const { format, allowMissingIssuers = false, deep = false } = options;
  const isStaticCt = format === "static-ct";
  const guarantees: SealGuarantees = {
    format,
    allowMissingIssuers: isStaticCt && allowMissingIssuers,
    deep: isStaticCt && deep,
  };
  let writer: TargetWriter | undefined;
  const openWriter = () => {
    writer ??= target.openWriter(context.signal);
    return writer;
  };
  return {
    ...session,
    target,
    targetSpec,
    writer: openWriter,
    guarantees,
    issuers: isStaticCt
      ? new IssuerRegistry({ context, writer: openWriter, deep: guarantees.deep })
      : undefined,
    async close() {
      await Promise.all([session.close(), writer?.close(), target.close()]);
    },
  };
}

/** Opens a log to read it, and starts to report what its server asks for. */
export async function openSession<Options extends Omit<LogWorkOptions, "policy">>(
  log: string,
  options: Options,
  modules: BackendModules,
): Promise<Session<Options>> {
  const progress = options.progress ?? new Progress();
  const signal = options.signal ?? new AbortController().signal;
  const readSpec = readSpecOf(log, options, modules);
  const mainSpec = { ...readSpec, concurrency: MAIN_THREAD_CONCURRENCY };
  const context = await openReadContext(mainSpec, progress.own, signal);
  const reporter = startReporter(readSpec, options, progress);
  return {
    options,
    parallelism: parallelismOf(options),
    readSpec,
    progress,
    context,
    startedAt: performance.now(),
    async close() {
      reporter.stop();
      await context.source.close();
    },
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
export function readSpecOf(
  source: string,
  options: Omit<LogWorkOptions, "policy">,
  modules: BackendModules,
): ReadSpec {
  const { requestsPerSecond, access, format, retry = DEFAULT_RETRY } = options;
  const { concurrency: maximum } = parallelismOf(options);
  return {
    source,
    modules,
    access,
    format,
    concurrency: 1,
    retry,
    rate:
      requestsPerSecond === undefined
        ? undefined
        : { perSecond: requestsPerSecond, shared: new RateLimiter(requestsPerSecond).share() },
    limit: newSharedLimit({
      ...retry,
      maximum,
      start: options.concurrency ?? Math.min(FIRST_REQUESTS, maximum),
    }),
  };
}

/** Reports what the source asks for from now on, until it is stopped. */
function startReporter(
  { limit }: ReadSpec,
  { notice = () => {} }: Omit<LogWorkOptions, "policy">,
  progress: Progress,
): LimitReporter {
  const shared = new SharedLimit(limit);
  progress.window = shared;
  return new LimitReporter(shared, notice).start();
}
