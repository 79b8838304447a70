/** What `copy` and `verify` report on the extra data of Static CT entries, which no leaf hash covers. */

import type { ExtraDataReport } from "../../lib/index.ts";
import { countOf, formatCount } from "./quantities.ts";

/** Lines of a summary; none for a log of another format. */
export function extraDataFields(
  report: ExtraDataReport | undefined,
): (readonly [string, string | undefined])[] {
  if (report === undefined) return [];
  const { issuers, missingIssuers, deep } = report;
  const missing = missingIssuers > 0 ? `, ${formatCount(missingIssuers)} of them missing` : "";
  return [
    ["issuers", `${countOf(issuers, "certificate")}${missing}`],
    ["deep check", deep ? deepText(report) : undefined],
  ];
}

function deepText({ deepEntries, reencodedEntries }: ExtraDataReport): string {
  const entries = countOf(deepEntries, "entry", "entries");
  if (reencodedEntries === 0) return entries;
  const differ = countOf(reencodedEntries, "precertificate differs", "precertificates differ");
  return `${entries}; ${differ} from what was logged as re-encoding explains`;
}

/** The issuers that are missing, a line each. */
export function missingIssuerLines(report: ExtraDataReport | undefined): string[] {
  if (report === undefined) return [];
  const { missingIssuers, firstMissingIssuers } = report;
  const lines = firstMissingIssuers.map(
    ({ fingerprint, entry, problem }) => `issuer/${fingerprint} ${problem}; entry ${entry} names it`,
  );
  const more = missingIssuers - firstMissingIssuers.length;
  return more > 0 ? [...lines, `and ${formatCount(more)} more`] : lines;
}
