/**
 * The stages of a copy, measured one by one with the parts that a copy uses and as many threads and requests as
 * it takes by default: what each costs tells where the time of a whole copy goes. Nothing is authenticated.
 *
 *     node bench/stages/stages.ts --stage fetch --source URL --size N [--format tiles|static-ct]
 *         [--target DIR] [--workers N] [--concurrency N]
 *
 * prints what `runStage` returns as one line of JSON.
 */

import { once } from "node:events";
import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { parallelismOf, readSpecOf } from "../../lib/migrate/session.ts";
import { unitBundles } from "../../lib/migrate/tree/units.ts";
import { type LogFormat, tileCount } from "../../lib/tlog/layout.ts";
import { backendModules } from "../../storage/backends.ts";
import { PosixTarget } from "../../storage/posix/target.ts";
import type { StageSpec } from "./stage-worker.ts";

/**
 * - `fetch`: every bundle of the source is read, and its bytes are dropped.
 * - `fetch+hash`: each is hashed too, down to the hash in its level-1 tile.
 * - `fetch+write`: each is stored durably instead, with a level-0 tile of zeros.
 */
export type Stage = "fetch" | "fetch+hash" | "fetch+write";

const STAGES: readonly Stage[] = ["fetch", "fetch+hash", "fetch+write"];

export interface StageOptions {
  readonly stage: Stage;
  readonly source: string;
  readonly format: LogFormat;
  /** Entries in the log. */
  readonly size: number;
  /** Where `fetch+write` writes: the absolute path of a directory that is empty, or that an earlier stage has written. */
  readonly target?: string | undefined;
  readonly workers?: number | undefined;
  readonly concurrency?: number | undefined;
}

export interface StageResult {
  readonly stage: Stage;
  /** From before the threads start until the last has ended. */
  readonly seconds: number;
  readonly entriesPerSecond: number;
  /** CPU time of this process meanwhile, all threads, user and system. */
  readonly cpuSeconds: number;
}

/** As WorkerPool starts its threads. */
const HEAP_LIMITS = { maxYoungGenerationSizeMb: 6, maxOldGenerationSizeMb: 256 };
const UNITS_BEHIND = 3;

/** Runs one stage in worker threads of this process. @throws the first failure of a thread. */
export async function runStage(options: StageOptions): Promise<StageResult> {
  const { stage, size } = options;
  if (stage === "fetch+write") await claim(options.target);
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  await Promise.all(stageSpecs(options).map(runThread));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { stage, seconds, entriesPerSecond: size / seconds, cpuSeconds: (user + system) / 1e6 };
}

/** One thread's orders each; all take their units from the same counter. */
function stageSpecs(options: StageOptions): StageSpec[] {
  const { stage, source, format, size, target } = options;
  const access = { userAgentVersion: "bench" };
  const { workers, concurrency, budgetBytes } = parallelismOf({ ...options, access });
  const bundlesAUnit = unitBundles(size, workers);
  const units = Math.ceil(tileCount(size, 0) / bundlesAUnit);
  const threads = Math.max(1, Math.min(workers, units, concurrency));
  const concurrencyAThread = Math.max(1, Math.floor(concurrency / threads));
  const spec: StageSpec = {
    ...readSpecOf(source, { access, format }, backendModules()),
    stage,
    size,
    target,
    bundlesAUnit,
    concurrency: concurrencyAThread,
    unitsInFlight: Math.ceil(concurrencyAThread / bundlesAUnit) + UNITS_BEHIND,
    budgetBytes: budgetBytes / threads,
    unitsTaken: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
  };
  return Array.from({ length: threads }, () => spec);
}

async function runThread(spec: StageSpec): Promise<void> {
  const worker = new Worker(new URL("./stage-worker.ts", import.meta.url), {
    workerData: spec,
    resourceLimits: HEAP_LIMITS,
  });
  // Rejects with the thread's error, if it fails.
  await once(worker, "exit");
}

/** Claims a place, as a copy does before it writes. */
async function claim(target: string | undefined): Promise<void> {
  if (target === undefined) throw new Error("the stage fetch+write needs a target");
  const place = new PosixTarget(target);
  const { kind } = await place.inspect();
  if (kind === "empty") await place.claim("{}");
  else if (kind !== "claimed") throw new Error(`${target} is not empty`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      stage: { type: "string" },
      source: { type: "string" },
      format: { type: "string", default: "tiles" },
      size: { type: "string" },
      target: { type: "string" },
      workers: { type: "string" },
      concurrency: { type: "string" },
    },
  });
  const { source, format } = values;
  const target = values.target === undefined ? undefined : resolve(values.target);
  const stage = STAGES.find((name) => name === values.stage);
  if (stage === undefined) throw new Error(`--stage is one of ${STAGES.join(", ")}`);
  if (source === undefined || values.size === undefined) throw new Error("say --source and --size");
  if (format !== "tiles" && format !== "static-ct") throw new Error("--format is tiles or static-ct");
  const [size, workers, concurrency] = [values.size, values.workers, values.concurrency].map(countOf);
  const result = await runStage({ stage, source, format, size: size ?? 0, target, workers, concurrency });
  console.log(JSON.stringify(result));
}

function countOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new Error(`${text} is not a count`);
  return count;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) await main();
