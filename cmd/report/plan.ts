/** What `plan` prints. */

import {
  type Estimate,
  formatCount,
  oneLine,
  type PlanOutcome,
  type PlanReport,
  type Refusal,
} from "../../lib/index.ts";
import { countOf } from "./quantities.ts";
import { alignFields, bad, emphasis, type Field, good, listSection, wrap } from "./text-layout.ts";
import { formatBytes, formatDuration, formatTimeLeft } from "./units.ts";

export function planSummary(report: PlanReport, width: number): string {
  const { outcome, refusal, warnings } = report;
  const words = refusal ? refusalText(report, refusal) : OUTCOMES[outcome](report);
  const style = refusal ? bad : good;
  const isDone = outcome === "already-handed-over" || outcome === "taken-over";
  return [
    `${style(wrap(words, width, "").trimEnd())}\n\n`,
    alignFields([
      ["origin", report.origin],
      ["size", countOf(report.size, "entry", "entries")],
      ["root", report.rootHash],
      ["frozen", report.frozen && `the log has signed: ${report.frozen}`],
      ["missing", prunedText(report)],
      ["from", report.source],
      ["to", report.target],
      ...(isDone ? [] : workFields(report)),
    ]),
    isDone || refusal
      ? ""
      : listSection(emphasis("What the handover would write"), handoverLines(report), { width }),
    listSection(emphasis("Look at this"), warnings.map(oneLine), { width }),
  ].join("");
}

const OUTCOMES: Readonly<Record<PlanOutcome, (report: PlanReport) => string>> = {
  fresh: ({ target }) => `A copy would begin in ${oneLine(target)}, which is empty.`,
  adopt: ({ target }) =>
    `A copy would take over what another tool has left in ${oneLine(target)}, and check all of it.`,
  resume: ({ target }) => `A copy would continue the one that has begun in ${oneLine(target)}.`,
  "already-handed-over": ({ target }) =>
    `${oneLine(target)} is handed over already: there is nothing to copy.`,
  "taken-over": ({ target }) =>
    `${oneLine(target)} is handed over, and the log software there has continued the log: there is nothing to copy.`,
  refused: () => "",
};

function refusalText({ target }: PlanReport, { kind, object, problem }: Refusal): string {
  const what = kind === "refused" ? "would be refused" : "would fail";
  return `A copy into ${oneLine(target)} ${what}: ${object} ${problem}.`;
}

function workFields(report: PlanReport): Field[] {
  const { sealedEntries, entries, objects, bytes, requests, transfer, freeSpace, operations } = report;
  const { sampled, issuers, seconds } = report;
  return [
    ["in place", sealedEntries > 0 && `${countOf(sealedEntries, "entry", "entries")} below seals`],
    ["to copy", `${countOf(entries, "entry", "entries")}: ${countOf(objects, "object")}, ${range(bytes)}`],
    ["sampled", `${countOf(sampled.bundles, "bundle")}, ${formatBytes(sampled.bytes)}, all authentic`],
    ["issuers", issuers && `${formatCount(issuers.count)} that sampled entries name`],
    [
      "requests",
      requests !== undefined && `${formatCount(requests)}${transfer ? `, ${range(transfer)}` : ""}`,
    ],
    ["free space", freeSpace && freeText(freeSpace)],
    ["operations", operations && operationsText(operations)],
    ["time", timeText(seconds)],
  ];
}

/** `1.2 GB`, and how far it may be off where that shows. */
function range({ likely, least, most }: Estimate): string {
  const half = Math.max(likely - least, most - likely);
  if (half < likely / 1000) return formatBytes(likely);
  return `${formatBytes(likely)} ± ${formatBytes(half)}`;
}

function freeText({ bytes, objects }: NonNullable<PlanReport["freeSpace"]>): string {
  return `${formatBytes(bytes)}${objects === undefined ? "" : `, ${formatCount(objects)} inodes`}`;
}

function operationsText({ writes, reads, lists }: NonNullable<PlanReport["operations"]>): string {
  return `${formatCount(writes)} writes, ${formatCount(reads)} reads, ${formatCount(lists)} list requests in the target`;
}

function timeText({ measured, atRate, atStatedLimit }: PlanReport["seconds"]): string {
  const parts = [`${duration(measured)} as fast as the samples came`];
  if (atRate !== undefined) parts.push(`${duration(atRate)} at --rate`);
  if (atStatedLimit !== undefined)
    parts.push(`${duration(atStatedLimit)} at the limit that the source states`);
  return parts.join(", ");
}

function duration(seconds: number): string {
  return seconds < 10 ? formatDuration(seconds) : formatTimeLeft(seconds);
}

function prunedText({ pruned }: PlanReport): string | undefined {
  if (pruned === undefined) return undefined;
  const { absentEntries, minIndex } = pruned;
  return `about ${countOf(absentEntries, "entry", "entries")} below index ${formatCount(minIndex)}: the log is pruned`;
}

function handoverLines({ handover }: PlanReport): string[] {
  const { treeState, record, guard, checkpoint } = handover;
  return [
    ...(treeState === undefined
      ? []
      : [
          `The tree state, ${oneLine(treeState.name)}: ${countOf(treeState.size, "entry", "entries")}, root ${treeState.rootHash}`,
        ]),
    `The record of the handover: ${oneLine(record)}`,
    ...(treeState === undefined ? [] : [`Last, what keeps log software away goes: ${oneLine(guard)}`]),
    ...(checkpoint ? ["The source's checkpoint, so that readers can use it"] : []),
  ];
}
