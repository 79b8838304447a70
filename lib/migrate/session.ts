/** One run of `migrate` or `verifyLog`: its options with their defaults, and its open source and target. */

import { availableParallelism } from "node:os";
import { cleanUp } from "./clean-up.ts";
import { ThreadPool } from "./execute/pool.ts";
import { IssuerLists } from "./issuers/lists.ts";
import { IssuerRegistry } from "./issuers/registry.ts";
import type { MigrationOptions, WorkOptions } from "./options/options.ts";
import { findPlace, openTarget, requireEffect, type TargetSpec } from "./options/places.ts";
import type { BackendModules } from "./ports/backend.ts";
import type { LockKind, MigrationTarget, TargetWriter } from "./ports/target.ts";
import { openReadContext, type ReadContext, type ReadSpec } from "./read/context.ts";
import { Progress } from "./report/progress.ts";
import type { SealGuarantees } from "./target/marker.ts";
import { DEFAULT_RETRY } from "./throttle/backoff.ts";
import { limitReporter } from "./throttle/limiter.ts";
import { RATE_BYTES } from "./throttle/rate-limiter.ts";
import { newSharedLimit, SharedLimit } from "./throttle/shared-limit.ts";

const MAX_DEFAULT_WORKERS = 8;
const CONCURRENCY_A_WORKER = 16;
export const DEFAULT_BUDGET_BYTES = 128_000_000;

/** Requests that the main thread has in flight: tiles above the bundles, read a little in advance. */
export const MAIN_THREAD_CONCURRENCY = 8;

/** Requests in flight at the beginning, unless the operator sets a number. */
const FIRST_REQUESTS = 16;

const LIMIT_REPORTED_EVERY_MS = 100;

/** Numbers of threads, of bundles in flight and of bytes in flight. */
export interface Parallelism {
  readonly workers: number;
  /** Bundles in flight over all workers. */
  readonly concurrency: number;
  /** Bytes in flight over all workers. */
  readonly budgetBytes: number;
}

/** What `migrate` and `verifyLog` use in the main thread. */
export interface Session<Options extends WorkOptions> {
  readonly options: Options;
  readonly parallelism: Parallelism;
  readonly readSpec: ReadSpec;
  readonly progress: Progress;
  /** How the main thread reads the source. */
  readonly context: ReadContext;
  readonly startedAt: number;
  /** Never rejects. */
  close(): Promise<void>;
}

export interface CopySession extends Session<MigrationOptions> {
  readonly target: MigrationTarget;
  /** Whether its checkpoints are published as it grows. */
  readonly isMirror: boolean;
  /** How every thread reaches the target. */
  readonly targetSpec: TargetSpec;
  /** The main thread's writer; nothing is written before the target is claimed. */
  readonly writer: () => TargetWriter;
  /** What this run's seals guarantee. */
  readonly guarantees: SealGuarantees;
  /** Seals that this run has written, or found and counted. */
  readonly knownSeals: Set<number>;
  readonly threads: ThreadPool;
  /** Of a Static CT log; undefined for others. */
  readonly issuers: IssuerRegistry | undefined;
  /** The lists of its issuers in the target. */
  readonly issuerLists: IssuerLists | undefined;
  readonly role: CopyRole;
}

/** What a run does of a copy. */
export type CopyRole =
  /** All of it. */
  | "alone"
  /** The part that its options name. */
  | "shard"
  /** Parts that a queue gives out, once another run has claimed the target. */
  | "worker"
  /** It gives out parts, and does what is left. */
  | "leader";

/** What others may do in the target at the same time. */
export function lockKindOf(role: CopyRole): LockKind {
  return role === "shard" || role === "worker" ? "part" : role;
}

/** How a copy works. */
export interface CopyKind {
  /** Default: all of it, alone. */
  readonly role?: CopyRole;
  /** Whether checkpoints are published while it grows; default: no. */
  readonly isMirror?: boolean;
  /**
   * Called by a worker while there is no claim to join, which is tried again when it resolves.
   * @param size of the source's checkpoint.
   * @throws `reason` where it does not wait.
   */
  readonly waitForClaim?: (session: CopySession, size: number, reason: Error) => Promise<void>;
}

export async function openCopySession(
  options: MigrationOptions,
  modules: BackendModules,
  { role = "alone", isMirror = false }: CopyKind = {},
): Promise<CopySession> {
  const targetSpec = { ...targetSpecOf(options.target, options, modules), isMirror };
  const { signal, format, allowMissingIssuers = false, deep = false, progress = new Progress() } = options;
  const { retried } = progress;
  const { url: source } = await findPlace(options.source, "source", modules);
  await requireEffect([options.source], options, modules);
  const target = await openTarget(targetSpec, {
    connections: MAIN_THREAD_CONCURRENCY,
    signal,
    source,
    retried,
  });
  const reading = await openSession(options.source, { ...options, progress }, modules);
  const context = { ...reading.context, replacesBadPartials: true };
  const session = { ...reading, context, readSpec: { ...reading.readSpec, replacesBadPartials: true } };
  const isStaticCt = format === "static-ct";
  const threads = new ThreadPool();
  let opened: TargetWriter | undefined;
  const writer = () => {
    opened ??= target.openWriter(context.signal);
    return opened;
  };
  const issuerLists = isStaticCt ? new IssuerLists(target, writer, lockKindOf(role)) : undefined;
  return {
    ...session,
    target,
    isMirror,
    targetSpec,
    writer,
    guarantees: { format, allowMissingIssuers: isStaticCt && allowMissingIssuers, deep: isStaticCt && deep },
    knownSeals: new Set(),
    threads,
    issuers: isStaticCt
      ? new IssuerRegistry({ context, writer, deep, takesDenied: allowMissingIssuers, lists: issuerLists })
      : undefined,
    issuerLists,
    role,
    async close() {
      await cleanUp(
        options.notice,
        () => threads.close(),
        session.close,
        () => opened?.close(),
        () => target.close(),
      );
    },
  };
}

/** Opens a log to read it, and from then on reports its server's rate limits. */
export async function openSession<Options extends WorkOptions>(
  log: string,
  options: Options,
  modules: BackendModules,
): Promise<Session<Options>> {
  const { progress = new Progress(), signal = new AbortController().signal, notice = () => {} } = options;
  const readSpec = readSpecOf(log, options, modules);
  const mainSpec = { ...readSpec, concurrency: MAIN_THREAD_CONCURRENCY };
  const context = await openReadContext(mainSpec, progress.own, signal, progress.retried, notice);
  const limit = new SharedLimit(readSpec.limit);
  progress.window = limit;
  // Keeps the process running even while all its threads wait.
  const reporting = setInterval(limitReporter(limit, notice), LIMIT_REPORTED_EVERY_MS);
  return {
    options,
    parallelism: parallelismOf(options),
    readSpec,
    progress,
    context,
    startedAt: performance.now(),
    async close() {
      clearInterval(reporting);
      await cleanUp(notice, () => context.source.close());
    },
  };
}

/** How the checkpoint is read: everything else waits for it, so the reason of each retry is reported. */
export function checkpointContext({ context, options }: Session<WorkOptions>): ReadContext {
  const { notice } = options;
  return { ...context, ...(notice && { notice }) };
}

/** How every thread opens the target. */
export function targetSpecOf(
  location: string,
  options: Pick<WorkOptions, "targetOptions" | "access" | "retry">,
  modules: BackendModules,
): TargetSpec {
  const { targetOptions = {}, access, retry = DEFAULT_RETRY } = options;
  return { location, options: targetOptions, userAgentVersion: access.userAgentVersion, retry, modules };
}

function parallelismOf(options: WorkOptions): Parallelism {
  const { workers: given = Math.min(availableParallelism(), MAX_DEFAULT_WORKERS) } = options;
  // With none, a copy that divides its work still does what others leave: one starts in a moment, next to them.
  const workers = Math.max(1, given);
  const { concurrency = workers * CONCURRENCY_A_WORKER, budgetBytes = DEFAULT_BUDGET_BYTES } = options;
  return { workers, concurrency, budgetBytes };
}

/** How every thread reads the source. */
export function readSpecOf(source: string, options: WorkOptions, modules: BackendModules): ReadSpec {
  const { requestsPerSecond: perSecond, access, format, retry = DEFAULT_RETRY } = options;
  const { concurrency: maximum } = parallelismOf(options);
  const start = options.concurrency ?? Math.min(FIRST_REQUESTS, maximum);
  return {
    source,
    modules,
    access,
    format,
    concurrency: 1,
    retry,
    rate: perSecond === undefined ? undefined : { perSecond, shared: new SharedArrayBuffer(RATE_BYTES) },
    limit: newSharedLimit({ ...retry, maximum, start }),
  };
}
