/** The summary that `copy` prints. */

import { type HasherName, type MigrationOutcome, type MigrationReport, oneLine } from "../../lib/index.ts";
import { extraDataFields, missingIssuerLines } from "./extra-data.ts";
import { nextSteps, type StepFacts } from "./next-steps.ts";
import { countOf, formatBytes, formatCount, formatDuration } from "./quantities.ts";
import { alignFields, emphasis, good, listSection, wrap } from "./text-layout.ts";

/** The summary of a migration, ending in a newline. */
export function copySummary(report: MigrationReport, facts: StepFacts, width: number): string {
  const { notChecked, warnings } = report;
  return [
    headline(good, wrap(outcomeText(report, facts), width, "")),
    "\n",
    alignFields(
      [
        ["origin", report.origin],
        ["size", countOf(report.size, "entry", "entries")],
        ["root", report.rootHash],
        ["from", report.source],
        ["to", report.target],
        ...workFields(report),
      ].map(([label = "", value]) => [label, value && oneLine(value)]),
    ),
    listSection(emphasis("Not checked"), notChecked.map(oneLine), { width }),
    listSection(emphasis("Missing issuers"), missingIssuerLines(report.uncovered), { width }),
    listSection(emphasis("Look at this"), warnings.map(oneLine), { width }),
    listSection(emphasis("What to do next"), nextSteps(report, facts), { width, numbered: true }),
  ].join("");
}

function outcomeText({ outcome, target }: MigrationReport, { target: words }: StepFacts): string {
  const isMirror = !words.canBeTakenOver && outcome === "handed-over";
  if (isMirror) return `The mirror is complete: ${oneLine(target)} holds the whole log.`;
  return OUTCOMES[outcome](oneLine(target));
}

const OUTCOMES: Record<MigrationOutcome, (target: string) => string> = {
  "handed-over": (target) => `The log is handed over: ${target} is ready for its log software.`,
  "already-handed-over": (target) =>
    `Nothing to do: an earlier run has handed ${target} over, at the size and root that the source has now.`,
  "taken-over": (target) =>
    `Nothing to do: an earlier run has handed ${target} over, and the log software there has continued the log since.`,
  "ready-for-hand-over": (target) =>
    `Everything is copied and checked, and ${target} is not handed over yet, as you asked.`,
};

function workFields(report: MigrationReport): (readonly [string, string | undefined])[] {
  const { entries, resumedEntries, bytes, seconds, entriesPerSecond, requests, retries } = report;
  const { replacedObjects, hasher } = report;
  if (report.outcome === "already-handed-over" || report.outcome === "taken-over") return [];
  return [
    ["copied", `${countOf(entries, "entry", "entries")}, ${formatBytes(bytes)}`],
    [
      "resumed",
      resumedEntries > 0
        ? `${countOf(resumedEntries, "entry was", "entries were")} in place from earlier runs`
        : undefined,
    ],
    [
      "replaced",
      replacedObjects > 0 ? `${countOf(replacedObjects, "object")} that had wrong bytes` : undefined,
    ],
    ...extraDataFields(report.uncovered),
    ["time", timeText(seconds, entriesPerSecond, hasher)],
    ["requests", `${formatCount(requests)}, ${countOf(retries, "retry", "retries")}`],
  ];
}

/** How long a run took, its rate, and its hasher. */
export function timeText(seconds: number, entriesPerSecond: number, hasher: HasherName): string {
  return `${formatDuration(seconds)}, ${formatCount(entriesPerSecond)} entries/s (${hasher} hasher)`;
}

/** Styles a text without the newline at its end. */
export function headline(style: (text: string) => string, text: string): string {
  return `${style(text.trimEnd())}\n`;
}
