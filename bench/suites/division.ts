/**
 * What the process that divides a copy, and the queue, take for each seal: the program divides a log that is made while it
 * is read, among workers that store nothing but seals.
 */

import { join } from "node:path";
import { ENTRIES_PER_SEAL, fullTileCount } from "../../lib/tlog/layout.ts";
import { discardLocation, discardPreload } from "../discard/discard.ts";
import { handover } from "../peers/ours.ts";
import type { Sealing } from "../peers/sealing-workers.ts";
import { figureOf } from "../report/figures.ts";
import { type Goal, goal } from "../report/goals.ts";
import type { FigureTable, Table } from "../report/report.ts";
import { cpuSeconds, peakRssBytes } from "../run/measure.ts";
import { endlessArguments, startEndless } from "../servers/node-server.ts";
import { startPrinting } from "../servers/own-process.ts";
import { type RunningRedis, startRedis } from "../servers/redis.ts";
import type { Bench } from "./suite.ts";

const TABLE_ID = "division";
const ROW_ID = "10B";
const COLUMNS: FigureTable["columns"] = [
  { id: "speed", head: "divided", unit: "entries/s" },
  { id: "seals", head: "seals", unit: "" },
  { id: "jobs", head: "jobs", unit: "" },
  { id: "cpu", head: "the program's CPU time a seal", unit: "µs" },
  { id: "redis-cpu", head: "Redis' CPU time a job", unit: "µs" },
  { id: "redis-bytes", head: "to and from Redis a job", unit: "KB" },
  { id: "rss", head: "the program's memory", unit: "MB" },
  { id: "redis-memory", head: "Redis' memory", unit: "MB" },
];
const ENTRY_SIZE = 100;
/** Workers of as many machines, in one process. */
const MACHINES = 64;
const LEAST_SPEED = 100e6;
const MOST_MEMORY = 500e6;
const SEALER = join(import.meta.dirname, "../peers/sealing-workers.ts");
const NOTES = [
  `The program divides the log among workers of ${MACHINES} machines, which run in one process, fetch nothing and store ` +
    "each seal as a file in memory. They, Redis and the source's server share the machine with it.",
  "Bytes and memory are those that Redis counts; the memory of both is the largest that it was.",
];

/** @throws Error if the program, or the workers, end before all is divided. */
export async function divisionTable(bench: Bench): Promise<FigureTable> {
  const { profile, say } = bench;
  const entries = profile.scaleOut.dividedEntries;
  const title = `${entries.toLocaleString("en")} entries divided by a queue, and not copied`;
  say(title);
  await using servers = new AsyncDisposableStack();
  const source = await startEndless(endlessArguments(entries, ENTRY_SIZE));
  servers.defer(source.close);
  const queue = await startRedis();
  servers.defer(queue.close);
  const divided = await divide(bench, source, queue, entries, servers);
  const row = { id: ROW_ID, label: "divided", values: valuesOf(divided, fullTileCount(entries, 1)) };
  return { kind: "figures", id: TABLE_ID, title, notes: NOTES, columns: COLUMNS, rows: [row] };
}

/** What was measured from before the division to after it. */
interface Divided extends Sealing {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly redis: {
    readonly before: ReadonlyMap<string, number>;
    readonly after: ReadonlyMap<string, number>;
  };
}

async function divide(
  { program, scratch }: Bench,
  { url, vkey }: { readonly url: string; readonly vkey: string },
  queue: RunningRedis,
  entries: number,
  servers: AsyncDisposableStack,
): Promise<Divided> {
  const directory = join(scratch.directory, "divided");
  const before = await queue.info();
  const places = [queue.url, url, directory, String(fullTileCount(entries, 1)), String(MACHINES)];
  const workers = await startPrinting([process.execPath, SEALER, ...places]);
  servers.defer(workers.close);
  const options = ["--vkey", vkey, "--queue", queue.url, "--workers", "0", "--json", "--quiet"];
  const copy = ["copy", url, discardLocation(directory, entries), ...options, ...handover(program)];
  const dividing = await startPrinting([
    process.execPath,
    "--import",
    discardPreload(program),
    program,
    ...copy,
  ]);
  servers.defer(dividing.close);
  for await (const line of workers.lines) {
    const after = await queue.info();
    const usage = { cpuSeconds: cpuSeconds(dividing.pid) ?? 0, rssBytes: peakRssBytes(dividing.pid) ?? 0 };
    return { ...(JSON.parse(line) as Sealing), ...usage, redis: { before, after } };
  }
  throw new Error("the workers ended before all was divided");
}

function valuesOf({ jobs, seconds, cpuSeconds, rssBytes, redis }: Divided, seals: number) {
  const grown = (name: string) => (redis.after.get(name) ?? 0) - (redis.before.get(name) ?? 0);
  return {
    speed: (seals * ENTRIES_PER_SEAL) / seconds,
    seals,
    jobs,
    cpu: cpuSeconds / seals,
    "redis-cpu": (grown("used_cpu_user") + grown("used_cpu_sys")) / jobs,
    "redis-bytes": (grown("total_net_input_bytes") + grown("total_net_output_bytes")) / jobs,
    rss: rssBytes,
    "redis-memory": redis.after.get("used_memory_peak") ?? 0,
  };
}

export function divisionGoals(tables: readonly Table[]): Goal[] {
  const figure = (column: string) => figureOf(tables, { table: TABLE_ID, row: ROW_ID, column });
  const [own, redis] = [figure("rss"), figure("redis-memory")];
  const memory = own === undefined || redis === undefined ? undefined : own + redis;
  return [
    goal(
      "What a queue and the process that fills it allow",
      figure("speed"),
      { atLeast: LEAST_SPEED },
      "entries/s",
    ),
    goal("Memory of both, for 10,000,000,000 entries", memory, { atMost: MOST_MEMORY }, "MB"),
  ];
}
