/** What a run reports on the extra data of Static CT entries, which no leaf hash covers. */

import type { Counters } from "./counters.ts";
import type { IssuerRegistry } from "./issuers/registry.ts";
import type { MissingIssuer } from "./ports/executor.ts";

/**
 * What became of the extra data in the bundles that this run read; entries of bundles that it read more than once,
 * since the log grew, are counted each time.
 */
export interface ExtraDataReport {
  /** Issuers that the entries name: each is there and hashes to its name, but for the missing ones. */
  readonly issuers: number;
  readonly missingIssuers: number;
  /** At most 100 of the missing ones, each with an entry that names it. */
  readonly firstMissingIssuers: readonly MissingIssuer[];
  /** Whether entries were checked. */
  readonly deep: boolean;
  /** Entries that this run checked. */
  readonly deepEntries: number;
  /** Entries whose precertificate differs from what was logged as re-encoding explains. */
  readonly reencodedEntries: number;
  /** Entries that could not be checked, since an issuer is missing. */
  readonly uncheckedEntries: number;
}

/** Missing issuers that a report names. */
const NAMED_ISSUERS = 100;

/** @param deep whether entries were checked. */
export function extraDataReport(
  issuers: IssuerRegistry | undefined,
  counters: Counters,
  deep: boolean,
): ExtraDataReport | undefined {
  if (issuers === undefined) return undefined;
  const missing = issuers.missing();
  return {
    issuers: issuers.count,
    missingIssuers: missing.length,
    firstMissingIssuers: missing.slice(0, NAMED_ISSUERS),
    deep,
    deepEntries: counters.get("deepEntries"),
    reencodedEntries: counters.get("reencodedEntries"),
    uncheckedEntries: counters.get("uncheckedEntries"),
  };
}

/** What of it was taken on trust, a sentence each. */
export function notCheckedOf(report: ExtraDataReport | undefined): string[] {
  if (report === undefined) return [];
  const { deep, missingIssuers, uncheckedEntries } = report;
  const unchecked = [
    deep
      ? "Signatures of a Static CT log's certificates: a precertificate's own, as it was submitted, and whether " +
        "those of a chain have signed one another"
      : "What a Static CT leaf hash does not cover: precertificates as submitted, and whether the issuers are those " +
        "of their entries (--deep checks it)",
  ];
  if (missingIssuers > 0)
    unchecked.push(`Issuers that are unavailable, and so are missing: ${missingIssuers}`);
  if (uncheckedEntries > 0)
    unchecked.push(`Entries beyond their leaf hash, since their issuers are missing: ${uncheckedEntries}`);
  return unchecked;
}
