/**
 * `npm run bench`: measures the compiled program next to others that copy. `npm run bench -- --help` says more. Exit
 * codes: 0 done, 1 a run failed, 2 usage error, 129, 130, 141 and 143 interrupted.
 */

import { constants, loadavg } from "node:os";
import { CommanderError } from "commander";
import { LogStore } from "./logs/logs.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { profileFor } from "./profile.ts";
import { copyTables, measuredRows, type SuiteReport, type Table } from "./report/report.ts";
import { writeResults } from "./report/results.ts";
import { goalsText, tableText } from "./report/tables.ts";
import { thisMachine, versionOf } from "./run/machine.ts";
import { isInMemory, newPlaces, type Place, SkipError } from "./run/places.ts";
import { goalsOf, SUITES } from "./suites/all.ts";
import type { Bench, Suite } from "./suites/suite.ts";

const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** What the suites of one run have in common. */
type Run = Omit<Bench, "versions">;

/** Runs the suites that were asked for, showing and writing the figures of each as soon as it has ended. */
async function runSuites({ suite: names, out }: BenchOptions, run: Run): Promise<SuiteReport[]> {
  const { program, scratch, disk, profile } = run;
  say(`tlog-migrate ${versionOf(program)}; scratch on ${scratch.fileSystem}, disk on ${disk.fileSystem}`);
  if (profile.reducedBy !== "") say(`run with ${profile.reducedBy}: goals are not judged by that`);
  if (!isInMemory(scratch)) say("there is no tmpfs: copies «into memory» go to a disk");
  if (isInMemory(disk)) say("there is no disk: copies «onto a disk» go into memory");
  const done: SuiteReport[] = [];
  for (const suite of SUITES.filter(({ name }) => names.includes(name))) {
    const report = await runSuite(suite, run);
    process.stdout.write(report.tables.map((table) => `\n${tableText(table)}`).join(""));
    say(`${suite.name} took ${Math.round(report.seconds)} s`);
    done.push(report);
    for (const name of out === undefined ? [] : writeResults(out, done)) {
      say(`${out}: earlier figures of ${name} are dropped, they are of another machine`);
    }
  }
  return done;
}

async function runSuite(suite: Suite, run: Run): Promise<SuiteReport> {
  const startedAt = performance.now();
  const loadBefore = loadavg()[0] ?? 0;
  const versions = new Set([`Node.js ${process.version}`]);
  const tables = await suite.run({ ...run, versions }).catch((error) => [skippedTable(suite, error)]);
  for (const { version } of measuredRows(tables)) if (version !== undefined) versions.add(version);
  return {
    name: suite.name,
    measuredAt: new Date().toISOString(),
    seconds: (performance.now() - startedAt) / 1000,
    machine: thisMachine(run),
    loadBefore,
    ours: versionOf(run.program),
    versions: [...versions],
    reducedBy: run.profile.reducedBy,
    tables,
  };
}

/** A table of which nothing could be measured. @throws the error if that is not why. */
function skippedTable({ name, about }: Suite, error: unknown): Table {
  if (!(error instanceof SkipError)) throw error;
  const row = { state: "skipped", id: name, label: name, reason: error.message } as const;
  return { kind: "copies", id: name, title: about, notes: [], rows: [row] };
}

/** @returns the exit code. */
async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), say);
  const { program, beside: before } = options;
  await using made = newPlaces([options.scratch, options.disk]);
  const [scratch, disk] = made.places as [Place, Place];
  const [profile, logs] = [profileFor(options), new LogStore(scratch)];
  const reports = await runSuites(options, { profile, logs, scratch, disk, program, before, say });
  process.stdout.write(`\n${goalsText(goalsOf(reports))}`);
  const rows = reports.flatMap(({ tables }) => copyTables(tables)).flatMap((table) => table.rows);
  return rows.some(({ state }) => state === "failed") ? EXIT.failed : EXIT.done;
}

/** Reports an error. @returns the exit code that it leads to. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.failed;
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}

/** Ends at once: what was started and made is ended and removed by shells that see it. */
function endBy(signal: "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGPIPE"): void {
  process.exit(128 + constants.signals[signal]);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => endBy(signal));
// Nobody reads any more: a pipe was closed, or a terminal has gone.
for (const output of [process.stdout, process.stderr]) output.on("error", () => endBy("SIGPIPE"));
process.exitCode = await main().catch(report);
