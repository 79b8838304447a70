/** A copy that is divided by a queue: the process that divides it, and its workers, which wait for it. */

import type { Contender, RunPlace, Task } from "../run/contender.ts";
import { startDelayProxy } from "../servers/delay-proxy.ts";
import { type OwnProcess, startPrinting } from "../servers/own-process.ts";
import { type RunningRedis, startRedis } from "../servers/redis.ts";
import { handover } from "./ours.ts";

/** What each worker reaches the source by: a line of its own. */
export interface WorkerLine {
  readonly roundTripMs: number;
  readonly bytesPerSecond: number;
}

export interface FleetOptions {
  readonly workers: number;
  /** Default: each reaches the source as the copy does. */
  readonly line?: WorkerLine;
  /** Of each worker. */
  readonly options?: readonly string[];
}

/** Entries of which workers must have copied some. */
const MANY = 1_000_000;

/** What is shown in the place of an address that does not exist yet. */
const QUEUE = "$QUEUE";

/** The queue and the workers of one run after another; started before the copy, for which they wait. */
class Fleet implements RunPlace {
  readonly #program: string;
  readonly #fleet: FleetOptions;
  readonly #running: OwnProcess[] = [];
  #queue: RunningRedis | undefined;
  objectsDirectory: string | undefined;

  constructor(program: string, fleet: FleetOptions) {
    this.#program = program;
    this.#fleet = fleet;
  }

  get pids(): readonly number[] {
    return this.#running.map(({ pid }) => pid);
  }

  get queueUrl(): string {
    return this.#queue?.url ?? QUEUE;
  }

  async open(task: Task): Promise<void> {
    this.objectsDirectory = task.target;
    this.#queue = await startRedis();
    this.#running.push(this.#queue);
    const { workers } = this.#fleet;
    this.#running.push(...(await Promise.all(Array.from({ length: workers }, () => this.#worker(task)))));
  }

  async #worker(task: Task): Promise<OwnProcess> {
    const { line, options = [] } = this.#fleet;
    let { sourceUrl } = task;
    if (line !== undefined) {
      const proxy = await startDelayProxy({ upstreamPort: Number(new URL(sourceUrl).port), ...line });
      this.#running.push(proxy);
      sourceUrl = `http://127.0.0.1:${proxy.port}`;
    }
    return await startWaiting([
      ...workerCommand(this.#program, { ...task, sourceUrl }, this.queueUrl),
      ...options,
    ]);
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.splice(0).map(({ close }) => close()));
    this.#queue = undefined;
  }
}

/**
 * A copy into a directory that workers share.
 * @param row of the table.
 * @param own options of the copy that divides the work.
 */
export function fleet(
  program: string,
  row: Pick<Contender, "id" | "label">,
  workers: FleetOptions,
  own: readonly string[] = [],
): Contender {
  const place = new Fleet(program, workers);
  return {
    ...row,
    isOurs: true,
    leaves: "tiles",
    decompresses: true,
    place,
    command({ sourceUrl, target, log }) {
      const given = ["--vkey", log.vkey, "--queue", place.queueUrl, "--json", "--quiet", ...own];
      return {
        file: process.execPath,
        args: [program, "copy", sourceUrl, target, ...given, ...handover(program)],
      };
    },
    checkOutput(stdout, { log }) {
      const { outcome, size, workerEntries } = JSON.parse(stdout) as Record<string, unknown>;
      if (outcome !== "handed-over" || size !== log.size)
        throw new Error(`it ended with ${outcome} at ${size}`);
      // Of a few tiles, the copy itself may be faster.
      const haveWork = workers.workers > 0 && (own.includes("0") || log.size >= MANY);
      if (haveWork && !(Number(workerEntries) > 0)) throw new Error("no worker has copied anything");
    },
  };
}

/** The command line of a worker, as it may be shown. */
export function workerCommand(
  program: string,
  {
    sourceUrl,
    target,
    log,
  }: Pick<Task, "sourceUrl" | "target"> & { readonly log: Pick<Task["log"], "vkey"> },
  queueUrl: string,
): string[] {
  const places = [sourceUrl, target, "--vkey", log.vkey, "--queue", queueUrl];
  return [process.execPath, program, "worker", ...places, "--json"];
}

/** A worker that has found out that there is no work yet. @throws Error if it ends before. */
async function startWaiting(command: readonly string[]): Promise<OwnProcess> {
  // What it reports goes to the output that is read, and what it prints at its end nowhere.
  const { pid, lines, close } = await startPrinting([
    "sh",
    "-c",
    'exec "$@" 2>&1 >/dev/null',
    "sh",
    ...command,
  ]);
  for await (const line of lines) if (line.includes("Waiting")) return { pid, close };
  throw new Error("a worker ended before it had waited");
}
