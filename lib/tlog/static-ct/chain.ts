/**
 * The chains of a Static CT log: lists of fingerprints (https://c2sp.org/static-ct-api#log-entries), which no leaf hash
 * covers. A log has hundreds of millions of entries and some thousands of chains, so that it pays to remember these.
 */

import type { IssuerFacts } from "../x509/issuer.ts";
import { namesMatch } from "../x509/name.ts";

/** The issuers of an entry, the first being the one that should have issued what was submitted. */
export interface IssuerChain {
  readonly issuers: readonly (IssuerFacts | undefined)[];
  /** Fingerprints of those that are undefined. */
  readonly missing: readonly string[];
  /** What is wrong with the chain itself, as a clause that follows "entry N of …". */
  readonly problem: string | undefined;
}

/**
 * The chain of these fingerprints, each 64 lower-case hexadecimal digits as in the path `issuer/<fingerprint>`.
 * @param issuers what they name, undefined for those that are missing.
 */
export function linkIssuers(
  fingerprints: readonly string[],
  issuers: readonly (IssuerFacts | undefined)[],
): IssuerChain {
  const missing = fingerprints.filter((_, i) => issuers[i] === undefined);
  const broken = issuers.findIndex((issuer, i) => issuer !== undefined && !isLinked(issuer, issuers[i + 1]));
  const problem =
    broken === -1
      ? undefined
      : `has a chain in which ${fingerprints[broken + 1]} follows ${fingerprints[broken]}, whose issuer has another name`;
  return { issuers, missing, problem };
}

/** Each certificate of a chain certifies the one before it (RFC 6962 §3.1). A missing one is assumed to. */
function isLinked(issuer: IssuerFacts, next: IssuerFacts | undefined): boolean {
  return next === undefined || namesMatch(issuer.issuerName, next.subject);
}
