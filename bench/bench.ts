/**
 * `npm run bench`: measures the compiled program beside others that copy. `npm run bench -- --help` tells the
 * rest. Exit codes: 0 done, 1 a run failed, 2 wrong use, 130 and 143 interrupted.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CommanderError } from "commander";
import { Interrupt, Interruption } from "../cmd/interrupt.ts";
import { LogStore } from "./logs.ts";
import { thisMachine } from "./machine.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { fileSystemOf, isInMemory, type Place } from "./places.ts";
import { profileFor } from "./profile.ts";
import type { Report, SuiteReport } from "./report.ts";
import { writeResults } from "./results-directory.ts";
import type { Bench } from "./suite.ts";
import { goalsOf, SUITES } from "./suites.ts";
import { goalsText, tableText } from "./table.ts";
import { oursVersion } from "./versions.ts";

const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** Runs the suites that were asked for, telling and keeping the figures of each as soon as it has ended. */
async function runSuites(
  options: BenchOptions,
  bench: Bench,
  versions: Map<string, string>,
): Promise<Report> {
  const { scratch, disk } = bench;
  const machine = thisMachine({ scratch: scratch.fileSystem, disk: disk.fileSystem });
  const ours = oursVersion(bench.program);
  bench.say(`tlog-migrate ${ours}; scratch on ${scratch.fileSystem}, disk on ${disk.fileSystem}`);
  if (!isInMemory(scratch)) bench.say("there is no tmpfs: copies «into memory» go to a disk");
  if (isInMemory(disk)) bench.say("there is no disk: copies «onto a disk» go into memory");
  const done: SuiteReport[] = [];
  for (const { name, run } of SUITES.filter((suite) => options.suites.includes(suite.name))) {
    const tables = await run(bench);
    process.stdout.write(tables.map(tableText).join(""));
    done.push({ name, measuredAt: new Date().toISOString(), ours, quick: bench.profile.quick, tables });
    const report: Report = { machine, versions: Object.fromEntries(versions), suites: done };
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
    if (options.out !== undefined) await writeResults(options.out, report);
  }
  return { machine, versions: Object.fromEntries(versions), suites: done };
}

/** Runs all in directories of its own, which are gone when it ends. */
async function runInScratch(options: BenchOptions, signal: AbortSignal): Promise<Report> {
  const places = [options.scratch, options.disk].map(newPlace);
  const [scratch, disk] = places as [Place, Place];
  const versions = new Map([["Node.js", process.version.slice(1)]]);
  try {
    const bench: Bench = {
      profile: profileFor(options),
      logs: new LogStore(scratch, signal),
      scratch,
      disk,
      program: options.program,
      signal,
      say,
      noteVersion: (name, version) => void (version !== undefined && versions.set(name, version)),
    };
    return await runSuites(options, bench, versions);
  } finally {
    for (const { directory } of places) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function newPlace(parent: string): Place {
  const directory = mkdtempSync(join(parent, "tlog-migrate-bench-"));
  return { directory, fileSystem: fileSystemOf(directory) };
}

/** @returns the exit code. */
async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), say);
  const interrupt = new Interrupt(() => say("stopping, and removing what was made; once more to leave it"));
  const { suites } = await runInScratch(options, interrupt.signal);
  process.stdout.write(goalsText(goalsOf(suites), options.quick));
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
