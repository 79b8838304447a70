/** The results as files: the page, and the figures that it is made from. */

import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { goalsOf, SUITES } from "../suites/all.ts";
import { copyTables, measuredRows, type SuiteReport, type Table } from "./report.ts";
import { goalsText, markdownTable, runsText, tableText } from "./tables.ts";

const PAGE = "RESULTS.md";
/** JSON Lines: a suite a line. */
const FIGURES = "results.jsonl";

const INTRODUCTION = `Written by \`npm run bench -- --out bench\`; do not edit. \`npm run bench\` measures the same on your machine.

Every figure is of a whole process, from its start to its end, on a machine that serves the source too. Contenders
take turns, and every copy is checked: the first of each program byte by byte. Shown is the median of all
rounds, with the slowest and the fastest: where these are far apart, the machine was not quiet, and
small differences between rows mean nothing. *speed* is entries/s divided by those of the row of 1.00. Peak memory is
the largest of all rounds, read every 20 ms. CPU time is exact to 0.01 s; that of the source's server is in a
column of its own. \`bench/run/measure.ts\` says how processes are measured.

In the commands \`$LOG\` is the directory of the log, which is served at \`$SOURCE\` as \`bench/servers/nginx.ts\` does;
\`$VKEY\` is the log's key, \`$PATHS\` a file with the paths of its objects, a line each, \`$CA\` the server's
certificate, and \`$BEFORE\` the program of an earlier build. \`tessera-migrate-posix\` is Tessera's
\`cmd/experimental/migrate/posix\`, built from the module in \`test/interop\`, as are those for clouds and the clouds
themselves. \`$DISCARD\` is what \`discardPreload\` of
\`bench/discard/discard.ts\` gives.
`;

/** Makes sure, before anything is measured, that results can be written there. @throws Error in one line. */
export function prepareResults(directory: string): void {
  if (!existsSync(directory)) mkdirSync(directory);
  accessSync(`${directory}/.`, constants.W_OK);
  readFigures(directory);
}

/**
 * Writes the page and the figures into a directory. Suites that are there from earlier runs, and are not among these,
 * are kept if they were measured on this machine.
 * @returns the names of those that were not kept.
 */
export function writeResults(directory: string, fresh: readonly SuiteReport[]): string[] {
  const names = new Set(fresh.map(({ name }) => name));
  const before = readFigures(directory).filter(({ name }) => !names.has(name));
  const kept = before.filter(
    ({ machine }) => JSON.stringify(machine) === JSON.stringify(fresh[0]?.machine ?? machine),
  );
  const all = [...kept, ...fresh];
  const reports = SUITES.flatMap(({ name }) => all.filter((report) => report.name === name));
  writeFileSync(join(directory, FIGURES), reports.map((report) => `${JSON.stringify(report)}\n`).join(""));
  writeFileSync(join(directory, PAGE), resultsPage(reports));
  return before.filter((report) => !kept.includes(report)).map(({ name }) => name);
}

function readFigures(directory: string): SuiteReport[] {
  const file = join(directory, FIGURES);
  if (!existsSync(file)) return [];
  try {
    const lines = readFileSync(file, "utf8").trim().split("\n");
    return lines.map((line) => JSON.parse(line) as SuiteReport);
  } catch (error) {
    throw new Error(`${file} is damaged, remove it: ${(error as Error).message}`);
  }
}

/** The whole page. */
export function resultsPage(reports: readonly SuiteReport[]): string {
  return [
    "# Benchmark results\n",
    INTRODUCTION,
    "## Machine\n",
    markdownTable(["", ""], Object.entries(reports[0]?.machine ?? {})),
    "## Goals\n",
    goalsText(goalsOf(reports)),
    ...reports.map(suiteSection),
  ].join("\n");
}

function suiteSection(report: SuiteReport): string {
  const { name, measuredAt, seconds, loadBefore, ours, versions, reducedBy, tables } = report;
  const warning = reducedBy === "" ? "" : ` **Run with ${reducedBy}: no ground for claims.**`;
  const took = `in ${Math.max(1, Math.round(seconds / 60))} min, load before ${loadBefore.toFixed(2)}`;
  return [
    `## ${SUITES.find((suite) => suite.name === name)?.about ?? name}\n`,
    `Measured ${measuredAt.slice(0, 10)} ${took}: tlog-migrate ${ours}; ${versions.join(", ")}.${warning}\n`,
    ...tables.map(tableSection),
  ].join("\n");
}

function tableSection(table: Table): string {
  const [copies] = copyTables([table]);
  if (copies === undefined) return tableText(table);
  const rows = measuredRows([copies]);
  const logs = new Set(rows.map(({ made }) => made));
  const commands = new Set(rows.map(({ label, command }) => `# ${label}\n${command}`));
  const shell = `\`\`\`sh\n${["# the log", ...logs, ...commands].join("\n")}\n\`\`\`\n`;
  return [tableText(table), details("Commands", shell), details("Every run", runsText(rows))].join("\n");
}

function details(summary: string, content: string): string {
  return `<details><summary>${summary}</summary>\n\n${content}\n</details>\n`;
}
