/** Runs contenders against each other: in turns, each from the same clean state, each copy checked. */

import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BenchLog } from "../logs/logs.ts";
import type { MeasuredRow, MissingRow, Row, Run, Try } from "../report/report.ts";
import { checkCopy } from "./check-copy.ts";
import { type Candidate, type Contender, isAbsent, symbolicCommand, type Task } from "./contender.ts";
import { measure } from "./measure.ts";
import { isInMemory, type Place } from "./places.ts";
import { cpuSeconds } from "./process-tree.ts";

/** A log and where it is served. */
export interface Source {
  readonly log: BenchLog;
  readonly url: string;
  /** Processes that serve it, whose CPU time is told beside that of the copy. */
  readonly servers: readonly number[];
  /** The authority that its certificate comes from, if it is served with TLS. */
  readonly caFile?: string;
}

/** One line of a table to be: who copies from where. */
export interface Entrant {
  readonly id: string;
  readonly label: string;
  readonly contender: Contender;
  readonly source: Source;
  /** How its setting was found. */
  readonly tries?: readonly Try[];
}

/** What all runs of a comparison have in common. */
export interface Setting {
  /** Of the comparison, for the progress. */
  readonly name: string;
  /** Where the copies are put, one at a time. */
  readonly into: Place;
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** Tells of progress, a line each time. */
  say(line: string): void;
}

const execute = promisify(execFile);

/** The line of a candidate, with the name that it gives itself. */
export function lineOf(candidate: Candidate, source: Source): Entrant | MissingRow {
  const { id, label } = candidate;
  if (isAbsent(candidate)) return { state: "skipped", id, label, reason: candidate.reason };
  return { id, label, contender: candidate, source };
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
      const { rounds = setting.rounds } = entrant.contender;
      if (round > rounds || failures.has(entrant)) continue;
      const progress = `${setting.name}, round ${round} of ${rounds}: ${entrant.label}`;
      try {
        const run = await runOnce(setting, entrant, { everyByte: round === 1 });
        runs.get(entrant)?.push(run);
        setting.say(`${progress}: ${run.wallSeconds.toFixed(2)} s`);
      } catch (error) {
        setting.signal.throwIfAborted();
        const reason = reasonOf(error, setting);
        failures.set(entrant, reason);
        setting.say(`${progress}: FAILED: ${reason}`);
      }
    }
  }
  return lines.map((line) => {
    if ("state" in line) return line;
    const reason = failures.get(line);
    return reason === undefined ? measured(line, runs.get(line) ?? []) : failed(line, reason);
  });
}

/**
 * Runs each line once and returns the fastest, which remembers what was tried; a missing row if nothing can be.
 * One that fails is passed over; if all do, the last of them is returned and will tell. One alone is not run.
 */
export async function fastest(
  setting: Setting,
  lines: readonly (Entrant | MissingRow)[],
): Promise<Entrant | MissingRow> {
  const [only, ...others] = lines;
  if (only === undefined) throw new Error("there is nothing to try");
  if (others.length === 0) return only;
  const tries: (Try & { readonly entrant: Entrant })[] = [];
  for (const line of lines) {
    if ("state" in line) continue;
    const wallSeconds = await tryOnce(setting, line);
    if (wallSeconds !== undefined) tries.push({ label: line.label, wallSeconds, entrant: line });
  }
  const [best] = tries.toSorted((a, b) => a.wallSeconds - b.wallSeconds);
  if (best === undefined) return others.at(-1) ?? only;
  return { ...best.entrant, tries: tries.map(({ label, wallSeconds }) => ({ label, wallSeconds })) };
}

async function tryOnce(setting: Setting, entrant: Entrant): Promise<number | undefined> {
  const progress = `${setting.name}, a try: ${entrant.label}`;
  try {
    const { wallSeconds } = await runOnce(setting, entrant, { everyByte: false });
    setting.say(`${progress}: ${wallSeconds.toFixed(2)} s`);
    return wallSeconds;
  } catch (error) {
    setting.signal.throwIfAborted();
    setting.say(`${progress}: FAILED: ${reasonOf(error, setting)}`);
    return undefined;
  }
}

/** Why a run failed, in one line that names no directory of this machine. */
function reasonOf(error: unknown, { into }: Setting): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replaceAll(targetIn(into), "$TARGET").replaceAll(/\s+/g, " ");
}

function targetIn(into: Place): string {
  return join(into.directory, "copy");
}

/** Everyone comes first once, so that no place in the round is an advantage. */
function inTurn<T>(items: readonly T[], round: number): T[] {
  const first = items.length === 0 ? 0 : (round - 1) % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

async function runOnce(setting: Setting, entrant: Entrant, check: { everyByte: boolean }): Promise<Run> {
  const { contender, source } = entrant;
  const { into, signal } = setting;
  const { log, url: sourceUrl, caFile } = source;
  const task: Task = { sourceUrl, log, target: targetIn(into), caFile };
  await settle(into);
  await contender.place?.open();
  try {
    const servers = [...source.servers, ...(contender.place?.pids ?? [])];
    const before = cpuOf(servers);
    const { usage, stdout } = await measure(contender.command(task), { signal });
    const after = cpuOf(servers);
    contender.checkOutput?.(stdout, task);
    await checkCopy(log, task.target, contender.leaves, { ...check, signal });
    const serverCpuSeconds = before === undefined || after === undefined ? undefined : after - before;
    return { ...usage, serverCpuSeconds };
  } finally {
    await contender.place?.close();
    await rm(task.target, { recursive: true, force: true });
  }
}

/** Has a disk write what earlier runs left in memory, which would be written during the next one else. */
async function settle(into: Place): Promise<void> {
  if (isInMemory(into)) return;
  // Where sync(1) knows no file systems, it writes everything back.
  await execute("sync", ["-f", into.directory]).catch(() => execute("sync"));
}

function cpuOf(servers: readonly number[]): number | undefined {
  const seconds = servers.map(cpuSeconds);
  if (seconds.length === 0 || seconds.includes(undefined)) return undefined;
  return seconds.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

function measured({ id, label, contender, source, tries = [] }: Entrant, runs: readonly Run[]): MeasuredRow {
  const { log, caFile } = source;
  return {
    state: "measured",
    id,
    label,
    isOurs: contender.isOurs ?? false,
    made: log.made,
    command: symbolicCommand(contender, { log, caFile }),
    entries: log.size,
    bytes: log.bytes,
    runs,
    tries,
  };
}

function failed({ id, label }: Entrant, reason: string): MissingRow {
  return { state: "failed", id, label, reason };
}
