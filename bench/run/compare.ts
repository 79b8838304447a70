/** Runs contenders against each other: in turns, each from the same clean state, each copy checked. */

import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { MeasuredRow, MissingRow, Row, Run } from "../report/report.ts";
import { checkCopy } from "./check-copy.ts";
import { type Entrant, symbolicCommand, type Task } from "./contender.ts";
import { cpuSeconds, measure } from "./measure.ts";
import { isInMemory, type Place, touchMemory } from "./places.ts";

/** What all runs of a comparison have in common. */
export interface Setting {
  /** Of the comparison, for the progress. */
  readonly name: string;
  /** Where the copies are put, one at a time. */
  readonly into: Place;
  readonly rounds: number;
  /** Reports progress, a line each time. */
  say(line: string): void;
}

/**
 * Measures every entrant in every round. One that fails takes no further part, and the others go on.
 * @returns a row for each, in the order given; missing rows are passed through.
 */
export async function compare(setting: Setting, lines: readonly (Entrant | MissingRow)[]): Promise<Row[]> {
  const entrants = lines.filter((line): line is Entrant => !("state" in line));
  const runs = new Map<Entrant, Run[]>(entrants.map((entrant) => [entrant, []]));
  const failures = new Map<Entrant, string>();
  for (let round = 1; round <= setting.rounds; round++) {
    for (const entrant of inTurn(entrants, round)) {
      const { rounds = setting.rounds } = entrant;
      if (round > rounds || failures.has(entrant)) continue;
      const run = await tryRun(setting, entrant, `round ${round} of ${rounds}`, round === 1);
      if (typeof run === "string") failures.set(entrant, run);
      else runs.get(entrant)?.push(run);
    }
  }
  return lines.map((line) => {
    if ("state" in line) return line;
    const { id, label } = line;
    const reason = failures.get(line);
    if (reason !== undefined) return { state: "failed", id, label, reason };
    return measuredRow(line, runs.get(line) ?? []);
  });
}

/**
 * Runs each line once and returns the fastest, with what was tried; a missing row if none can run. One that fails
 * is passed over; if all do, the last of them is returned and will fail again. One alone is not run.
 */
export async function fastest(
  setting: Setting,
  lines: readonly (Entrant | MissingRow)[],
): Promise<Entrant | MissingRow> {
  const last = lines.at(-1);
  if (last === undefined) throw new Error("there is nothing to try");
  if (lines.length === 1) return last;
  const tried: { readonly entrant: Entrant; readonly wallSeconds: number }[] = [];
  for (const entrant of lines) {
    if ("state" in entrant) continue;
    const run = await tryRun(setting, entrant, "a try", false);
    if (typeof run !== "string") tried.push({ entrant, wallSeconds: run.wallSeconds });
  }
  const [best] = tried.toSorted((a, b) => a.wallSeconds - b.wallSeconds);
  if (best === undefined) return last;
  const tries = tried.map(({ entrant: { label }, wallSeconds }) => ({ label, wallSeconds }));
  return { ...best.entrant, tries };
}

/** Everyone comes first once, so that no position in the round is an advantage. */
function inTurn<T>(items: readonly T[], round: number): T[] {
  const first = items.length === 0 ? 0 : (round - 1) % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

/** A run; the reason in one line, without a directory of this machine, if it fails. */
async function tryRun(
  setting: Setting,
  entrant: Entrant,
  which: string,
  everyByte: boolean,
): Promise<Run | string> {
  const progress = `${setting.name}, ${which}: ${entrant.label}`;
  try {
    const run = await runOnce(setting, entrant, everyByte);
    setting.say(`${progress}: ${run.wallSeconds.toFixed(2)} s`);
    return run;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const reason = message.replaceAll(targetIn(setting.into), "$TARGET").replaceAll(/\s+/g, " ");
    setting.say(`${progress}: FAILED: ${reason}`);
    return reason;
  }
}

function targetIn(into: Place): string {
  return join(into.directory, "copy");
}

async function runOnce({ into }: Setting, entrant: Entrant, everyByte: boolean): Promise<Run> {
  const { source, place } = entrant;
  const { log, url: sourceUrl, caFile } = source;
  const task: Task = { sourceUrl, log, target: targetIn(into), caFile };
  // A log that is not stored, for a copy that is not either, may be larger than the memory.
  if (entrant.leaves !== undefined) touchMemory(into, log.bytes);
  if (!isInMemory(into)) await settle(into);
  await place?.open(task);
  try {
    const servers = [...source.servers, ...(place?.pids ?? [])];
    const before = totalCpu(servers);
    const { usage, stdout } = await measure(entrant.command(task));
    const after = totalCpu(servers);
    entrant.checkOutput?.(stdout, task);
    const copied = place === undefined ? task.target : place.objectsDirectory;
    if (copied !== undefined) await checkCopy(log, copied, entrant, everyByte);
    const serverCpuSeconds = before === undefined || after === undefined ? undefined : after - before;
    return { ...usage, serverCpuSeconds };
  } finally {
    await place?.close();
    await rm(task.target, { recursive: true, force: true });
  }
}

/** Has a disk write what earlier runs left in memory, which would otherwise be written during the next one. */
async function settle(into: Place): Promise<void> {
  const execute = promisify(execFile);
  // A sync(1) that knows no file systems writes everything back.
  await execute("sync", ["-f", into.directory]).catch(() => execute("sync"));
}

function totalCpu(servers: readonly number[]): number | undefined {
  const seconds = servers.map(cpuSeconds).filter((value) => value !== undefined);
  if (seconds.length === 0 || seconds.length < servers.length) return undefined;
  return seconds.reduce((sum, value) => sum + value, 0);
}

function measuredRow(entrant: Entrant, runs: readonly Run[]): MeasuredRow {
  const { id, label, isOurs = false, version, source, tries = [] } = entrant;
  const { made, size: entries, bytes } = source.log;
  const command = symbolicCommand(entrant, { log: source.log, caFile: source.caFile });
  return { state: "measured", id, label, isOurs, version, made, command, entries, bytes, runs, tries };
}
