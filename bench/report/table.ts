/** Tables for a terminal. */

import CliTable from "cli-table3";
import type { Extent } from "../profile.ts";
import { cellsOf, headsOf } from "./columns.ts";
import type { Goal } from "./goals.ts";
import type { CopyTable, MeasuredRow, Table, TimeTable } from "./report.ts";
import { median, spread } from "./statistics.ts";

const MISSING_WORDS = { skipped: "left out", failed: "started, and failed" } as const;

/** The table, whose title says if it is not of the full benchmark: so do its charts. */
export function titledTable(table: Table, extent: Extent): Table {
  return extent.kind === "full" ? table : { ...table, title: `${table.title}, run with ${extent.options}` };
}

/** A table under its title, with a newline at its end. */
export function tableText(table: Table): string {
  const lines = table.kind === "copies" ? copiesText(table) : timesText(table);
  const remarks = table.kind === "copies" ? remarksOn(table) : [];
  const notes = [...remarks, ...table.notes].map((note) => `  ${note}\n`);
  return `\n${table.title}\n${lines}\n${notes.join("")}`;
}

/** Goals, and whether they are met. @param extent of the run that they are judged by. */
export function goalsText(goals: readonly Goal[], extent: Extent): string {
  if (goals.length === 0) return "";
  const table = newTable(["goal", "measured", ""], ["left", "right", "left"]);
  table.push(...goals.map((goal) => [goal.text, goal.measured ?? "", verdictOf(goal)]));
  const title = extent.kind === "full" ? "Goals" : `Goals, not to be judged by a run with ${extent.options}`;
  return `\n${title}\n${table.toString()}\n`;
}

/** What became of a goal, in a word or two. */
export function verdictOf({ measured, met }: Goal): string {
  if (met === undefined) return measured === undefined ? "not measured" : "not judged";
  return met ? "met" : "MISSED";
}

/** What is to be said of single rows, a sentence each. */
export function remarksOn(table: CopyTable): string[] {
  const most = Math.max(...table.rows.map((row) => (row.state === "measured" ? row.runs.length : 0)));
  return table.rows.flatMap((row) => {
    if (row.state !== "measured") return [`${row.label} was ${MISSING_WORDS[row.state]}: ${row.reason}.`];
    const rounds = row.runs.length < most ? [`${row.label} ran ${row.runs.length} of ${most} times.`] : [];
    return [...rounds, ...triesOf(row)];
  });
}

/** The settings of which the best was taken. */
function triesOf({ label, tries }: MeasuredRow): string[] {
  if (tries.length === 0) return [];
  const times = tries.map((one) => `${one.label} ${one.wallSeconds.toFixed(2)} s`);
  return [`${label}: the fastest in one try each of ${times.join("; ")}.`];
}

/** The median of some times, and their least and most. */
export function timesWords(milliseconds: readonly number[]): string {
  const { least, most } = spread(milliseconds);
  return `${median(milliseconds).toFixed(0)} ms (${least.toFixed(0)}–${most.toFixed(0)}, ${milliseconds.length} runs)`;
}

function copiesText(table: CopyTable): string {
  const heads = headsOf(table);
  const lines = newTable(heads, ["left", ...heads.slice(1).map(() => "right" as const)]);
  for (const row of table.rows) {
    const [label = "", ...cells] = cellsOf(table, row);
    // Why it is missing stands below: a long reason would make the whole table as wide.
    lines.push(
      row.state === "measured"
        ? [label, ...cells]
        : [label, { content: row.state, colSpan: heads.length - 1, hAlign: "left" }],
    );
  }
  return lines.toString();
}

function timesText({ rows }: TimeTable): string {
  return rows.map(({ label, milliseconds }) => `  ${label}: ${timesWords(milliseconds)}`).join("\n");
}

function newTable(head: string[], colAligns: ("left" | "right")[]): CliTable.Table {
  return new CliTable({ head, colAligns, style: { head: [], border: [], compact: true } });
}
