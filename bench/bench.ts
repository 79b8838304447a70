/**
 * `npm run bench`: measures the compiled program beside others that copy. `npm run bench -- --help` tells the
 * rest. Exit codes: 0 done, 1 a run failed, 2 wrong use, 129, 130, 141 and 143 interrupted.
 */

import { writeFileSync } from "node:fs";
import { CommanderError } from "commander";
import { LogStore } from "./logs/logs.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { peerVersions } from "./peers/versions.ts";
import { profileFor } from "./profile.ts";
import type { Report, SuiteReport } from "./report/report.ts";
import { writeResults } from "./report/results-directory.ts";
import { goalsText, tableText, titledTable } from "./report/table.ts";
import { Interrupt, Interruption } from "./run/interrupt.ts";
import { thisMachine } from "./run/machine.ts";
import { isInMemory, type Place } from "./run/places.ts";
import { newPlace, removeLeftovers, removePlace } from "./run/scratch.ts";
import { oursVersion } from "./run/versions.ts";
import { goalsOf, SUITES } from "./suites/all.ts";
import type { Bench, Suite } from "./suites/suite.ts";

const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** What the suites of one run have in common; each takes note of versions for itself. */
type Run = Omit<Bench, "noteVersion">;

/** Runs the suites that were asked for, telling and keeping the figures of each as soon as it has ended. */
async function runSuites(options: BenchOptions, run: Run): Promise<SuiteReport[]> {
  const { scratch, disk, profile } = run;
  const machine = thisMachine({ scratch: scratch.fileSystem, disk: disk.fileSystem });
  const ours = oursVersion(run.program);
  say(`tlog-migrate ${ours}; scratch on ${scratch.fileSystem}, disk on ${disk.fileSystem}`);
  if (profile.extent.kind !== "full") say(`run with ${profile.extent.options}: no goal is judged by that`);
  if (!isInMemory(scratch)) say("there is no tmpfs: copies «into memory» go to a disk");
  if (isInMemory(disk)) say("there is no disk: copies «onto a disk» go into memory");
  const done: SuiteReport[] = [];
  for (const suite of SUITES.filter(({ name }) => options.suites.includes(name))) {
    const report = await runSuite(suite, run, ours);
    run.signal.throwIfAborted();
    process.stdout.write(report.tables.map(tableText).join(""));
    done.push(report);
    await keep({ machine, suites: done }, options);
  }
  return done;
}

async function runSuite(suite: Suite, run: Run, ours: string): Promise<SuiteReport> {
  const noted = new Map([["Node.js", process.version.slice(1)]]);
  const found = await suite.run({ ...run, noteVersion: (name, version) => void noted.set(name, version) });
  const { extent } = run.profile;
  const versions = { ...Object.fromEntries(noted), ...peerVersions(found) };
  const tables = found.map((table) => titledTable(table, extent));
  return { name: suite.name, measuredAt: new Date().toISOString(), ours, versions, extent, tables };
}

/** Writes what was found so far to where it was asked for. */
async function keep(report: Report, { json, out }: BenchOptions): Promise<void> {
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (out === undefined) return;
  for (const { name, reason } of await writeResults(out, report)) {
    say(`${out}: earlier figures of ${name} are dropped, they were measured when ${reason}`);
  }
}

/** Runs all in directories of its own, which are gone when it ends. */
async function runInScratch(options: BenchOptions, signal: AbortSignal): Promise<SuiteReport[]> {
  const parents = [options.scratch, options.disk];
  removeLeftovers(parents, say);
  const places = parents.map(newPlace);
  const [scratch, disk] = places as [Place, Place];
  try {
    return await runSuites(options, {
      profile: profileFor(options),
      logs: new LogStore(scratch, signal),
      scratch,
      disk,
      program: options.program,
      before: options.beside,
      signal,
      say,
    });
  } catch (error) {
    // What a signal ends beside this process fails in ways of its own.
    signal.throwIfAborted();
    throw error;
  } finally {
    for (const place of places) removePlace(place);
  }
}

/** @returns the exit code. */
async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), say);
  const interrupt = new Interrupt(() => say("stopping, and removing what was made; once more to leave it"));
  const suites = await runInScratch(options, interrupt.signal);
  process.stdout.write(goalsText(goalsOf(suites), profileFor(options).extent));
  const rows = suites
    .flatMap(({ tables }) => tables)
    .flatMap((table) => (table.kind === "copies" ? table.rows : []));
  return rows.some(({ state }) => state === "failed") ? EXIT.failed : EXIT.done;
}

/** Tells an error. @returns the exit code that it leads to. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof Interruption) return error.exitCode;
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.failed;
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}

process.exitCode = await main().catch(report);
