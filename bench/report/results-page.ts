/** The page of results, in Markdown. */

import { machineFacts } from "../run/machine.ts";
import { cellsOf, headsOf, RUN_HEADS, runCells } from "./columns.ts";
import type { Goal } from "./goals.ts";
import {
  type CopyTable,
  type MeasuredRow,
  type Report,
  type SuiteReport,
  type Table,
  type TimeTable,
  versionsOf,
} from "./report.ts";
import { remarksOn, timesWords, verdictOf } from "./table.ts";

/** A suite with what follows from its tables. */
export interface SuiteSection {
  readonly report: SuiteReport;
  readonly about: string;
  /** Charts as links from the page, with the words for those who do not see them. */
  readonly charts: readonly { readonly file: string; readonly title: string }[];
}

/** The whole page. */
export function resultsPage(report: Report, goals: readonly Goal[], suites: readonly SuiteSection[]): string {
  return [
    "# Benchmark results\n",
    INTRODUCTION,
    "## Machine\n",
    machineTable(report),
    "## Goals\n",
    goalsTable(goals),
    ...suites.map(suiteSection),
  ].join("\n");
}

const INTRODUCTION = `Written by \`npm run bench -- --out bench\`; do not edit. \`npm run bench\` measures the same on your machine.

Every figure is of a whole process, from its start to its end, on a machine that serves the source too. Contenders
take turns, and every copy is checked: the first of each program byte by byte. Shown is the median of all
rounds, with the slowest and the fastest beside it: where these are far apart, the machine was not quiet, and
small differences between rows mean nothing. *speed* is entries/s beside the row of 1.00. Peak memory is the
largest of all rounds, read every 20 ms. CPU time is exact to 0.01 s, and that of the source's server is told
beside it. \`bench/run/measure.ts\` says how processes are measured.

In the commands \`$LOG\` is the directory of the log, which is served at \`$SOURCE\` as \`bench/servers/log-server.ts\` does;
\`$VKEY\` is the log's key, \`$PATHS\` a file with the paths of its objects, a line each, and \`$CA\` the authority of
the server's certificate. \`tessera-migrate-posix\` is Tessera's \`cmd/experimental/migrate/posix\`, built from the
module in \`test/interop\`. \`$PRELOAD\` is what \`discardPreload\` of \`bench/discard/discard.ts\` gives.
`;

function machineTable(report: Report): string {
  const { machine } = report;
  const facts = { ...machineFacts(machine), "Load before the last run": machine.loadBefore.toFixed(2) };
  return markdownTable(["", ""], Object.entries({ ...facts, ...versionsOf(report) }));
}

function goalsTable(goals: readonly Goal[]): string {
  return markdownTable(
    ["goal", "measured", ""],
    goals.map((goal) => [goal.text, goal.measured ?? "", verdictOf(goal)]),
  );
}

function suiteSection({ report, about, charts }: SuiteSection): string {
  const { measuredAt, ours, extent, tables } = report;
  const warning = extent.kind === "full" ? "" : ` **Run with ${extent.options}: no ground for claims.**`;
  return [
    `## ${about}\n`,
    `Measured ${measuredAt.slice(0, 10)}: tlog-migrate ${ours}.${warning}\n`,
    ...tables.map(tableSection),
    ...charts.map(({ file, title }) => `![${title}](${file})\n`),
  ].join("\n");
}

function tableSection(table: Table): string {
  return table.kind === "copies" ? copiesSection(table) : timesSection(table);
}

function copiesSection(table: CopyTable): string {
  const measured = table.rows.filter((row): row is MeasuredRow => row.state === "measured");
  const sentences = [...remarksOn(table), ...table.notes];
  return [
    `### ${table.title}\n`,
    markdownTable(
      headsOf(table),
      table.rows.map((row) => cellsOf(table, row)),
    ),
    ...(sentences.length === 0 ? [] : [`${sentences.join(" ")}\n`]),
    details("Commands", commandsBlock(measured)),
    details("Every run", markdownTable(RUN_HEADS, measured.flatMap(runCells))),
  ].join("\n");
}

function timesSection({ title, rows, notes }: TimeTable): string {
  const lines = rows.map(({ label, milliseconds }) => {
    const each = milliseconds.map((time) => time.toFixed(0)).join(", ");
    return `${label}: **${timesWords(milliseconds)}**. Every run: ${each} ms.\n`;
  });
  return [`### ${title}\n`, ...lines, ...notes.map((note) => `${note}\n`)].join("\n");
}

function commandsBlock(rows: readonly MeasuredRow[]): string {
  const logs = new Set(rows.map(({ made }) => made));
  const commands = new Set(rows.map(({ label, command }) => `# ${label}\n${command}`));
  return `\`\`\`sh\n${["# the log", ...logs, ...commands].join("\n")}\n\`\`\`\n`;
}

function details(summary: string, content: string): string {
  return `<details><summary>${summary}</summary>\n\n${content}\n</details>\n`;
}

/** The first column is of words, the others of figures. A row with fewer cells is filled up. */
function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = heads.map((_, index) => (index === 0 || heads.length < 4 ? "---" : "---:"));
  const lines = rows.map((row) => heads.map((_, index) => escaped(row[index] ?? "")));
  return [heads, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

function escaped(cell: string): string {
  return cell.replaceAll("|", "\\|").replaceAll("\n", " ");
}
