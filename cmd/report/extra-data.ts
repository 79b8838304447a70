/** What `copy` and `verify` tell a person of the parts of Static CT entries that no leaf hash covers. */

import type { UncoveredReport } from "../../lib/index.ts";
import { countOf, formatCount } from "./quantities.ts";

/** Lines of a summary; none for a log of another format. */
export function uncoveredFields(
  report: UncoveredReport | undefined,
): (readonly [string, string | undefined])[] {
  if (report === undefined) return [];
  const { issuers, missingIssuers, deep } = report;
  const missing = missingIssuers > 0 ? `, ${formatCount(missingIssuers)} of them missing` : "";
  return [
    ["issuers", `${countOf(issuers, "certificate")}${missing}`],
    ["deep check", deep ? deepText(report) : undefined],
  ];
}

function deepText({ deepEntries, reencodedEntries }: UncoveredReport): string {
  const entries = countOf(deepEntries, "entry", "entries");
  if (reencodedEntries === 0) return entries;
  const differ = countOf(reencodedEntries, "precertificate differs", "precertificates differ");
  return `${entries}; ${differ} from what was logged as re-encoding explains`;
}

/** The issuers that are missing, a line each. */
export function missingIssuerLines(report: UncoveredReport | undefined): string[] {
  if (report === undefined) return [];
  const { missingIssuers, firstMissingIssuers } = report;
  const lines = firstMissingIssuers.map(
    ({ fingerprint, entry, problem }) => `issuer/${fingerprint} ${problem}; entry ${entry} names it`,
  );
  const more = missingIssuers - firstMissingIssuers.length;
  return more > 0 ? [...lines, `and ${formatCount(more)} more`] : lines;
}
