/** A queue by BullMQ, on Redis or on Postgres: the library, and the client of the server, are loaded when it is first used. */

import type { Job, Queue, Worker } from "bullmq";
import { OperationError } from "../../lib/errors.ts";
import {
  type JobCounts,
  type OpenQueue,
  type QueueJob,
  RefusedJobError,
  type WorkQueue,
} from "../../lib/migrate/ports/work-queue.ts";
import type { Notice } from "../../lib/migrate/report/notice.ts";
import { once } from "../shared/memoize.ts";
import { requirePackages } from "../shared/optional-packages.ts";
import { withinTime } from "../shared/within-time.ts";
import { PASSWORD_VARIABLE, parseQueueUrl, type QueueAddress } from "./address.ts";

/** Jobs that a process has at the same time: while one ends, its threads are busy with the next. */
const CONCURRENCY = 2;

/**
 * A worker renews its lock of a job at half of it. The event loop is not busy, since threads do the work; a worker that
 * was suspended for longer finds its job with another, and both store the same bytes.
 */
const LOCK_MS = 10_000;
const STALLED_CHECK_MS = 5_000;

/** A stalled job is one whose worker was lost, and no fault of the job. */
const STALLS = 1_000_000;

/** A job that fails is tried again by any worker, after 1, 2, 4 … s; then the coordinator adds it again. */
const ATTEMPTS = 8;
const FIRST_DELAY_MS = 1_000;

/** After a job that cannot even be read, which only somebody else can have added. */
const UNREADABLE_MS = 1_000;

const ANSWER_MS = 5_000;
const CLOSE_MS = 5_000;

const library = once(() => import("bullmq"));

/**
 * Checks the address before anything is written, and starts to load the library, which takes 0.1 s.
 * @throws UsageError if it is no address of a queue, or what reaches it is not installed.
 */
export function requireQueue(text: string): QueueAddress {
  const address = parseQueueUrl(text);
  requirePackages(`--queue ${address.shown}`, ["bullmq", address.kind === "redis" ? "ioredis" : "pg"]);
  // What fails is reported when it is used.
  library().catch(() => {});
  return address;
}

export const openBullQueue: OpenQueue = async (text, name, notice) => {
  const address = requireQueue(text);
  const queue = new BullQueue(address, name, notice, await library());
  await queue.connect();
  return queue;
};

class BullQueue implements WorkQueue {
  readonly location: string;
  readonly #address: QueueAddress;
  readonly #name: string;
  readonly #notice: Notice;
  readonly #library: typeof import("bullmq");
  #queue: Queue;

  constructor(address: QueueAddress, name: string, notice: Notice, library: typeof import("bullmq")) {
    this.location = address.shown;
    this.#address = address;
    this.#name = name;
    this.#notice = notice;
    this.#library = library;
    this.#queue = this.#openQueue();
  }

  #openQueue(): Queue {
    // A request that cannot be sent fails, and the caller decides what then.
    const queue = this.#withBackend().newQueue(this.#connection({ maxRetriesPerRequest: 1 }));
    queue.on("error", () => {});
    return queue;
  }

  /** @throws OperationError if there is no server of the kind. */
  async connect(): Promise<void> {
    await this.#ask(() => this.#queue.waitUntilReady());
  }

  async add(jobs: readonly QueueJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const options = {
      attempts: ATTEMPTS,
      backoff: { type: "exponential", delay: FIRST_DELAY_MS },
      // With an id that is still known, a job would not be added again.
      removeOnComplete: true,
      removeOnFail: true,
    };
    const added = jobs.map((data) => ({
      name: "tiles",
      data,
      opts: { ...options, jobId: `${data.first}-${data.end}` },
    }));
    await this.#ask(() => this.#queue.addBulk(added));
  }

  async counts(): Promise<JobCounts> {
    const states = ["waiting", "prioritized", "delayed", "active"] as const;
    const found = await this.#ask(() => this.#queue.getJobCounts(...states));
    const [waiting = 0, prioritized = 0, delayed = 0, active = 0] = states.map((state) => found[state]);
    return { waiting: waiting + prioritized + delayed, active };
  }

  async clear(): Promise<void> {
    const withDelayed = true;
    await this.#ask(() => this.#queue.drain(withDelayed));
  }

  async workers(): Promise<number> {
    return await this.#ask(() => this.#queue.getWorkersCount());
  }

  async take(work: (job: unknown) => Promise<void>, signal: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>();
    const run = async ({ data }: Job): Promise<void> => {
      const job = work(data);
      running.add(job);
      try {
        await job;
      } catch (error) {
        if (error instanceof RefusedJobError) throw new this.#library.UnrecoverableError(error.message);
        throw error;
      } finally {
        running.delete(job);
      }
    };
    const worker = this.#withBackend().newWorker(run);
    let isReported = false;
    worker.on("error", (error) => {
      if (!isReported) this.#notice(`${this.location}: ${oneLineOf(error)}; trying again`, "warning");
      isReported = true;
    });
    worker.on("active", () => {
      isReported = false;
    });
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
    await aborted;
    // Closing gives out no more jobs, and waits for those that have begun, and for the server to hear of their ends.
    const closing = worker.close();
    closing.catch(() => {});
    // One whose request was under way then may begin even now.
    while (running.size > 0) await Promise.allSettled(running);
    await closed(() => closing);
    await closed(() => worker.close(true));
  }

  /** BullMQ's own limit of a rate, by which its workers do not go unless they have one: it is a time that all can read. */
  async holdBack(milliseconds: number): Promise<void> {
    const [askedMs, wholeMs] = [await this.heldBackFor(), Math.ceil(milliseconds)];
    if (wholeMs > askedMs) await this.#ask(() => this.#queue.rateLimit(wholeMs));
  }

  async heldBackFor(): Promise<number> {
    return Math.max(0, Number(await this.#ask(() => this.#queue.getRateLimitTtl())) || 0);
  }

  async remove(): Promise<void> {
    await this.#ask(() => this.#queue.obliterate({ force: true }));
  }

  async close(): Promise<void> {
    await closed(() => this.#queue.close());
  }

  /** @throws OperationError if the server does not answer. */
  async #ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await withinTime(request(), ANSWER_MS, () => new Error(`no answer after ${ANSWER_MS / 1000} s`));
    } catch (error) {
      if (isWithoutTables(error)) await this.#createTables();
      throw new OperationError(
        {
          object: this.location,
          problem: `the queue is unavailable: ${oneLineOf(error)}`,
          advice: `Check its address, that its server is running, and the password in ${PASSWORD_VARIABLE}`,
        },
        { cause: error },
      );
    }
  }

  /** In a database that was lost, they are created when it is first used: for the next request, and for all workers. */
  async #createTables(): Promise<void> {
    const before = this.#queue;
    this.#queue = this.#openQueue();
    await Promise.all([closed(() => before.close()), closed(() => this.#queue.waitUntilReady())]);
  }

  /** Queues and workers on the kind of server that the address names. */
  #withBackend() {
    const { Queue, Worker, createPostgresBackend } = this.#library;
    const isRedis = this.#address.kind === "redis";
    const backend = isRedis ? [] : [createPostgresBackend];
    const shared = { prefix: "tlog-migrate" };
    return {
      newQueue: (connection: object): Queue =>
        Reflect.construct(Queue, [this.#name, { ...shared, connection }, ...backend]),
      newWorker: (run: (job: Job) => Promise<void>): Worker =>
        Reflect.construct(Worker, [
          this.#name,
          run,
          {
            ...shared,
            connection: this.#connection({ maxRetriesPerRequest: null }),
            concurrency: CONCURRENCY,
            lockDuration: LOCK_MS,
            stalledInterval: STALLED_CHECK_MS,
            maxStalledCount: STALLS,
            runRetryDelay: UNREADABLE_MS,
          },
          ...backend,
        ]),
    };
  }

  #connection(ofRedis: { readonly maxRetriesPerRequest: number | null }): object {
    const { kind, url } = this.#address;
    const password = process.env[PASSWORD_VARIABLE];
    if (kind === "postgres") {
      const { username, hostname: host, port, pathname } = url;
      return {
        host,
        port: Number(port || 5432),
        user: decodeURIComponent(username) || undefined,
        database: decodeURIComponent(pathname.slice(1)) || undefined,
        password,
        schema: "tlog_migrate",
        migrate: true,
        // As libpq's sslmode=require for any host but this machine, with the certificate checked.
        ...(isLoopback(host) ? {} : { ssl: true }),
      };
    }
    return {
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: Number(url.port || 6379),
      ...(url.username !== "" && { username: decodeURIComponent(url.username) }),
      ...(password !== undefined && { password }),
      ...(url.pathname.length > 1 && { db: Number(url.pathname.slice(1)) }),
      ...(url.protocol === "rediss:" && { tls: {} }),
      ...ofRedis,
    };
  }
}

/** Postgres' codes for a function, a table or a schema that does not exist. */
function isWithoutTables(error: unknown): boolean {
  return ["42883", "42P01", "3F000"].includes(Object(error).code);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\./.test(host);
}

/** What does not end in time, since its server is gone, ends with the process. */
async function closed(close: () => Promise<void>): Promise<void> {
  await withinTime(close(), CLOSE_MS, () => new Error("late")).catch(() => {});
}

function oneLineOf(error: unknown): string {
  return (error instanceof Error ? error.message || error.name : String(error)).split("\n")[0] ?? "";
}
