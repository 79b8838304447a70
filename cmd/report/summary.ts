/** The summaries that `copy` and `verify` print, each ending in a newline. */

import {
  type ExtraDataReport,
  formatCount,
  type MigrationOutcome,
  type MigrationReport,
  oneLine,
  type VerificationReport,
} from "../../lib/index.ts";
import { nextSteps, repairSteps, type StepFacts } from "./next-steps.ts";
import { countOf } from "./quantities.ts";
import { alignFields, bad, emphasis, type Field, good, listSection, wrap } from "./text-layout.ts";
import { formatBytes, formatDuration } from "./units.ts";

export function copySummary(report: MigrationReport, facts: StepFacts, width: number): string {
  const { notChecked, warnings, extraData } = report;
  return [
    headline(good, wrap(outcomeText(report), width, "")),
    alignFields([
      ["origin", report.origin],
      ["size", entriesText(report.size)],
      ["root", report.rootHash],
      ...checkpointFields(report),
      ["missing", absentText(report)],
      ["from", report.source],
      ["to", report.target],
      ...workFields(report),
    ]),
    listSection(emphasis("Not checked"), notChecked.map(oneLine), { width }),
    listSection(emphasis("Missing issuers"), missingIssuerLines(extraData), { width }),
    listSection(emphasis("Look at this"), warnings.map(lines), { width }),
    listSection(emphasis("What to do next"), nextSteps(report, facts), { width, numbered: true }),
  ].join("");
}

/** Of a worker, whose copy has ended elsewhere. */
export function workerSummary(report: MigrationReport, width: number): string {
  const { entries, bytes, target, origin, source } = report;
  return [
    headline(good, wrap(`The copy is over: ${oneLine(target)} is handed over.`, width, "")),
    alignFields([
      ["origin", origin],
      ["from", source],
      ["to", target],
      ["copied here", `${entriesText(entries)}, ${formatBytes(bytes)}`],
      ["time", timeText(report)],
      ["requests", requestsText(report)],
    ]),
  ].join("");
}

/** @param repairCommand that repairs what was found. */
export function verificationSummary(
  report: VerificationReport,
  repairCommand: string,
  width: number,
): string {
  const { origin, size, rootHash, log, requests, extraData, faults, repair } = report;
  return [
    headline(faults === 0 ? good : bad, wrap(verdict(report), width, "")),
    alignFields([
      ["log", log],
      ["origin", origin],
      ["size", entriesText(size)],
      ["root", rootHash],
      ...checkpointFields(report),
      ["missing", absentText(report)],
      ["verified", entriesText(report.entries)],
      ...extraDataFields(extraData),
      ["lock", lockText(report.lock)],
      ["repaired", repair && `${countOf(repair.repaired, "object")}, from ${repair.source}`],
      ["faults", faults > 0 && formatCount(faults)],
      ["time", timeText(report)],
      ["requests", requests > 0 && requestsText(report)],
    ]),
    listSection(bad("Bad, missing or beyond the tree"), faultLines(report), { width }),
    listSection(emphasis("Repaired"), repairedLines(repair), { width }),
    listSection(bad("Not repaired"), notRepairedLines(repair), { width }),
    listSection(emphasis("Missing issuers"), missingIssuerLines(extraData, report.findings), { width }),
    listSection(emphasis("Not checked"), report.notChecked, { width }),
    listSection(emphasis("What to do next"), repairSteps(report, repairCommand), { width, numbered: true }),
  ].join("");
}

function lockText(lock: VerificationReport["lock"]): string | undefined {
  if (lock === undefined) return undefined;
  const { name, size, state } = lock;
  const isEqual = state === "equal";
  return isEqual
    ? `${name} has this checkpoint's tree`
    : `${name} has ${entriesText(size)}: the log has grown`;
}

/** A sentence, with a command to be copied in a line of its own. */
function lines(text: string): string {
  return text.split("\n").map(oneLine).join("\n");
}

function outcomeText(report: MigrationReport): string {
  const { outcome, stored } = report;
  const target = oneLine(report.target);
  if (outcome === "already-handed-over" && stored?.checkpoint === "stored") {
    return `The source's checkpoint is stored now: an earlier run had copied all else into ${target}.`;
  }
  if (stored?.purpose !== "mirror" || outcome === "taken-over") return OUTCOMES[outcome](target);
  if (outcome === "already-handed-over") {
    return `Nothing to do: an earlier run has completed the mirror ${target}, at the size and root that the source has now.`;
  }
  const part = isIncomplete(report) ? "all that is left of the log" : "the whole log";
  return `The mirror is complete: ${target} holds ${part}.`;
}

const OUTCOMES: Record<MigrationOutcome, (target: string) => string> = {
  "handed-over": (target) => `The log is handed over: ${target} is ready for its log software.`,
  "already-handed-over": (target) =>
    `Nothing to do: an earlier run has handed ${target} over, at the size and root that the source has now.`,
  "taken-over": (target) =>
    `Nothing to do: an earlier run has handed ${target} over, and the log software there has continued the log since.`,
  "part-copied": (target) =>
    `This part is copied: ${target} is an unfinished migration until all parts are, and a copy without --shard has checked and handed it over.`,
  "ready-for-handover": (target) =>
    `Copied and checked; not handed over: ${target} is an unfinished migration until you say so.`,
};

function verdict(report: VerificationReport): string {
  const { faults, authority, findings } = report;
  const measure = authority === "checkpoint" ? "its checkpoint" : "its tree state";
  const each = isIncomplete(report) ? "every entry and tile that is left" : "every entry and tile";
  if (faults === 0) return `The log is sound: ${each} is what ${measure} commits to.`;
  const areAll = (isOther: (path: string) => boolean): boolean =>
    faults === findings.length && findings.every(({ path }) => isOther(path));
  if (areAll((path) => path.startsWith("issuer/"))) {
    return `Every entry and tile is what ${measure} commits to, but issuers that entries name are missing or wrong.`;
  }
  if (areAll((path) => /^(\.state\/|the (table|lock) )/.test(path))) {
    return `Every entry and tile is what ${measure} commits to, but log software would not go on from there.`;
  }
  return `The log is not what ${measure} commits to.`;
}

function workFields(report: MigrationReport): Field[] {
  const { outcome, entries, resumedEntries, workerEntries = 0, bytes, replacedObjects } = report;
  if (outcome === "already-handed-over" || outcome === "taken-over") return [];
  const resumed = countOf(resumedEntries, "entry was", "entries were");
  return [
    ["copied", `${entriesText(entries)}, ${formatBytes(bytes)}`],
    ["by workers", workerEntries > 0 && entriesText(workerEntries)],
    ["resumed", resumedEntries > 0 && `${resumed} in place from earlier runs`],
    ["replaced", replacedObjects > 0 && `${countOf(replacedObjects, "object")} that had wrong bytes`],
    ...extraDataFields(report.extraData),
    ["not copied", notCopiedText(report.notCopied)],
    ["time", timeText(report)],
    ["requests", requestsText(report)],
  ];
}

function notCopiedText(notCopied: MigrationReport["notCopied"]): string | undefined {
  if (notCopied === undefined) return undefined;
  const { obsoletePartials, otherObjects, bytes, examples, isIncomplete } = notCopied;
  const parts: string[] = [];
  if (obsoletePartials > 0) parts.push(countOf(obsoletePartials, "obsolete partial", "obsolete partials"));
  if (otherObjects > 0) {
    const named = examples.map(oneLine).join(", ");
    const more = otherObjects > examples.length ? ", …" : "";
    parts.push(`${countOf(otherObjects, "object")} that nothing commits to (${named}${more})`);
  }
  if (parts.length === 0) return undefined;
  return `${isIncomplete ? "at least " : ""}${parts.join(" and ")} at the source, ${formatBytes(bytes)}`;
}

/** Signatures that a summary lists. */
const LISTED_SIGNATURES = 20;

/** Who has signed, but for a log's key of its own name; and what the log says of its end. */
function checkpointFields({ origin, signatures, frozen }: MigrationReport | VerificationReport): Field[] {
  const others = signatures.filter(({ name, own }) => !own || name !== origin);
  const listed = others.slice(0, LISTED_SIGNATURES).map(({ name, keyId, type, own, signedAt }): Field => {
    const time = signedAt === undefined ? "" : `, ${signedAt}`;
    return [own ? "signed by" : "cosigned", `${name}+${keyId} (${type}${time})`];
  });
  const more = others.length - listed.length;
  return [
    ...listed,
    ["", more > 0 && `and ${formatCount(more)} more`],
    ["frozen", frozen !== undefined && `the log has signed: ${frozen}`],
  ];
}

/** What is reported on the extra data of Static CT entries, which no leaf hash covers. */
function extraDataFields(report: ExtraDataReport | undefined): Field[] {
  if (report === undefined) return [];
  const { issuers, missingIssuers, deep, deepEntries, reencodedEntries } = report;
  const missing = missingIssuers > 0 ? `, ${formatCount(missingIssuers)} of them missing` : "";
  const differ = countOf(reencodedEntries, "precertificate differs", "precertificates differ");
  const reencoded = reencodedEntries > 0 ? `; ${differ} from what was logged as re-encoding explains` : "";
  return [
    ["issuers", `${countOf(issuers, "certificate")}${missing}`],
    ["deep check", deep && `${entriesText(deepEntries)}${reencoded}`],
  ];
}

/** @param findings the faults that are listed already: an issuer is listed once. */
function missingIssuerLines(
  report: ExtraDataReport | undefined,
  findings: VerificationReport["findings"] = [],
): string[] {
  if (report === undefined) return [];
  const { missingIssuers, firstMissingIssuers } = report;
  const listed = new Set(findings.map(({ path }) => path));
  const lines = firstMissingIssuers
    .filter(({ fingerprint }) => !listed.has(`issuer/${fingerprint}`))
    .map(({ fingerprint, entry, problem }) => `issuer/${fingerprint} ${problem}; entry ${entry} names it`);
  return lines.length === 0 ? [] : [...lines, ...andMore(missingIssuers - firstMissingIssuers.length)];
}

function faultLines({ findings, faults }: VerificationReport): string[] {
  const lines = findings.map(({ path, problem }) => oneLine(`${path}: ${problem}`));
  return [...lines, ...andMore(faults - lines.length)];
}

function repairedLines(repair: VerificationReport["repair"]): string[] {
  if (repair === undefined) return [];
  return [...repair.objects, ...andMore(repair.repaired - repair.objects.length)];
}

function notRepairedLines(repair: VerificationReport["repair"]): string[] {
  return (repair?.notRepaired ?? []).map(({ path, problem }) => oneLine(`${path}: ${problem}`));
}

function andMore(count: number): string[] {
  return count > 0 ? [`and ${formatCount(count)} more`] : [];
}

function isIncomplete({ pruned }: Pick<MigrationReport, "pruned">): boolean {
  return pruned !== undefined && pruned.absentEntries > 0;
}

function absentText({ pruned }: Pick<MigrationReport, "pruned">): string | undefined {
  if (pruned === undefined) return undefined;
  const { minIndex, absentEntries } = pruned;
  return `${entriesText(absentEntries)} below index ${formatCount(minIndex)}: the log is pruned`;
}

function entriesText(count: number): string {
  return countOf(count, "entry", "entries");
}

type Work = Pick<MigrationReport, "seconds" | "entriesPerSecond" | "hasher" | "requests" | "retries">;

function timeText({ seconds, entriesPerSecond, hasher }: Work): string {
  // A run that has found all in place has no speed.
  const speed =
    entriesPerSecond === 0 ? "" : `, ${formatCount(entriesPerSecond)} entries/s (${hasher} hasher)`;
  return `${formatDuration(seconds)}${speed}`;
}

function requestsText({ requests, retries }: Work): string {
  return `${formatCount(requests)}, ${countOf(retries, "retry", "retries")}`;
}

/** Styles a text without the newline at its end; an empty line follows. */
function headline(style: (text: string) => string, text: string): string {
  return `${style(text.trimEnd())}\n\n`;
}
