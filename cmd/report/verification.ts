/** The summary that `verify` prints. */

import { oneLine, type VerificationReport } from "../../lib/index.ts";
import { extraDataFields, missingIssuerLines } from "./extra-data.ts";
import { headline, timeText } from "./migration.ts";
import { countOf, formatCount } from "./quantities.ts";
import { alignFields, bad, emphasis, good, listSection, wrap } from "./text-layout.ts";

/** The summary of a verification, ending in a newline. */
export function verificationSummary(report: VerificationReport, width: number): string {
  const { origin, size, rootHash, log, seconds, entriesPerSecond, requests, retries } = report;
  const isSound = report.faults === 0;
  return [
    headline(isSound ? good : bad, wrap(outcome(report), width, "")),
    "\n",
    alignFields([
      ["log", oneLine(log)],
      ["origin", origin === undefined ? undefined : oneLine(origin)],
      ["size", countOf(size, "entry", "entries")],
      ["root", rootHash],
      ["verified", countOf(report.entries, "entry", "entries")],
      ...extraDataFields(report.uncovered),
      ["faults", isSound ? undefined : formatCount(report.faults)],
      ["time", timeText(seconds, entriesPerSecond, report.hasher)],
      [
        "requests",
        requests === 0 ? undefined : `${formatCount(requests)}, ${countOf(retries, "retry", "retries")}`,
      ],
    ]),
    listSection(bad("Bad, missing or beyond the tree"), faultLines(report), { width }),
    listSection(emphasis("Missing issuers"), missingIssuerLines(report.uncovered), { width }),
    listSection(emphasis("Not checked"), report.notChecked, { width }),
  ].join("");
}

function outcome({ faults, authority, findings }: VerificationReport): string {
  const measure = authority === "checkpoint" ? "its checkpoint" : "its tree state";
  if (faults === 0) return `The log is sound: every entry and tile is what ${measure} commits to.`;
  if (findings.every(({ path }) => path.startsWith("issuer/"))) {
    return `Every entry and tile is what ${measure} commits to, but issuers that entries name are missing or wrong.`;
  }
  return `The log is not what ${measure} commits to.`;
}

function faultLines({ findings, faults }: VerificationReport): string[] {
  const lines = findings.map(({ path, problem }) => oneLine(`${path}: ${problem}`));
  const more = faults - findings.length;
  return more > 0 ? [...lines, `and ${formatCount(more)} more`] : lines;
}
