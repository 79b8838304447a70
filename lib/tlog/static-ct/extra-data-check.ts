/**
 * Checks the extra data of Static CT entries: the precertificate and the chain, which no leaf hash covers (RFC 6962
 * §3.4 covers the TimestampedEntry; https://c2sp.org/static-ct-api#log-entries adds these). A matching root says
 * nothing about them, so anybody who serves a log could change them unnoticed.
 *
 * Signatures are not verified, at a hundred times the cost of all the rest, except those of precertificates that were
 * signed on behalf of another authority. So it is not checked whether a precertificate's signature is the submitted
 * one, nor whether an issuer with the right name has the right key: the key of a precertificate's issuer is in its
 * entry, but all other issuers of a chain are only known by name.
 */

import { FormatError } from "../errors.ts";
import { Certificate } from "../x509/certificate.ts";
import { type IssuerFacts, isAuthority, isSignedBy, namesMatch } from "../x509/issuer.ts";
import { givesLoggedTbs } from "../x509/precertificate.ts";
import { type FinalIssuer, finalIssuerOf, matchLoggedTbs, type TbsMatch } from "../x509/tbs-match.ts";
import { leafIndexOf, type StaticCtEntry } from "./entry.ts";

/**
 * The issuers of an entry, the first being the one that should have issued what was submitted. A log has hundreds of
 * millions of entries and some thousands of chains, so that it pays to remember these.
 */
export interface IssuerChain {
  readonly issuers: readonly (IssuerFacts | undefined)[];
  /** Fingerprints of those that are undefined. */
  readonly missing: readonly string[];
  /** What is wrong with the chain itself, as a clause that follows "entry N of …". */
  readonly problem: string | undefined;
}

/** The result for one entry. A problem is a clause that follows "entry N of tile/data/…". */
export type EntryVerdict =
  | { readonly kind: "ok" }
  /** The precertificate was not strict DER, and gives what was logged once it is encoded again. */
  | { readonly kind: "re-encoded"; readonly problem: string }
  /** No correct log makes such an entry: it was changed, or the log is at fault. */
  | { readonly kind: "wrong"; readonly problem: string }
  /** Right as far as it could be checked. `missing`: fingerprints of the missing issuers, at least one. */
  | { readonly kind: "not-checked"; readonly problem: string; readonly missing: readonly string[] };

type Entry = Readonly<StaticCtEntry>;

const OK: EntryVerdict = { kind: "ok" };

const RE_ENCODED: EntryVerdict = {
  kind: "re-encoded",
  problem:
    "has a precertificate that is not strict DER and gives the logged TBSCertificate only once it is encoded again",
};

/**
 * The chain of these fingerprints, each 64 lower-case hexadecimal digits as in the path `issuer/<fingerprint>`.
 * @param issuers what they name, undefined for those that are missing.
 */
export function linkIssuers(
  fingerprints: readonly string[],
  issuers: readonly (IssuerFacts | undefined)[],
): IssuerChain {
  const missing = fingerprints.filter((_, i) => issuers[i] === undefined);
  // Each certificate of a chain certifies the one before it (RFC 6962 §3.1). A missing one is assumed to.
  const broken = issuers.findIndex((issuer, i) => {
    const next = issuers[i + 1];
    return issuer !== undefined && next !== undefined && !namesMatch(issuer.issuerName, next.subject);
  });
  const problem =
    broken === -1
      ? undefined
      : `has a chain in which ${fingerprints[broken + 1]} follows ${fingerprints[broken]}, whose issuer has another name`;
  return { issuers, missing, problem };
}

/** What was submitted with the entry at hand. Each thread has one, and checking never awaits. */
const certificate = new Certificate();

/**
 * The verdict on an entry whose leaf hash is known to be right. Never throws, whatever the bytes, and keeps no view
 * of them. Measured, reading the entry included: 0.6 µs for a certificate of 1 KB, 1.1 µs for a precertificate,
 * 10 µs for one that was encoded again, 150 µs for one that was signed on behalf of another authority.
 * @param index of the entry in the log.
 */
export function checkEntry(bundle: Buffer, entry: Entry, index: number, chain: IssuerChain): EntryVerdict {
  try {
    requireLeafIndex(bundle, entry, index);
    const check = entry.isPrecertificate ? checkPrecertificate : checkCertificate;
    return verdictOn(chain, check(bundle, entry, chain));
  } catch (error) {
    if (error instanceof FormatError) return { kind: "wrong", problem: clauseOf(error) };
    throw error;
  }
}

/** The extra data of a certificate is its chain alone. */
function checkCertificate(bytes: Buffer, entry: Entry, { issuers }: IssuerChain): TbsMatch {
  inPart("certificate", () => certificate.read(bytes, entry.signedStart, entry.signedEnd));
  const [issuer] = issuers;
  if (issuers.length === 0) requirePossibleRoot(bytes);
  else if (issuer !== undefined) requireIssuer(bytes, issuer);
  return "same";
}

function checkPrecertificate(bytes: Buffer, entry: Entry, { issuers }: IssuerChain): TbsMatch {
  // The leaf holds the hash of an issuer's key (RFC 6962 §3.2): without an issuer a log cannot make it. Only a root
  // may have no chain (§3.1), and a precertificate is not one.
  if (issuers.length === 0) throw new FormatError("has a precertificate but no issuer in its chain");
  const { precertificateStart, precertificateEnd } = entry;
  inPart("precertificate", () => certificate.read(bytes, precertificateStart, precertificateEnd));
  const [issuer] = issuers;
  const match =
    issuer?.isPrecertificateSigner === true
      ? matchSignedOnBehalf(bytes, entry, issuer, issuers)
      : matchIssued(bytes, entry, issuer);
  if (match !== "different") return match;
  throw new FormatError("has a precertificate that does not give the logged TBSCertificate");
}

/** The authority itself signed the precertificate, or the signer is unknown. */
function matchIssued(bytes: Buffer, entry: Entry, issuer: IssuerFacts | undefined): TbsMatch {
  if (issuer !== undefined) {
    requireKeyOf(bytes, entry, issuer);
    requireIssuer(bytes, issuer);
  }
  if (givesLoggedTbs(bytes, certificate, entry.signedStart, entry.signedEnd)) return "same";
  const match = matchLogged(bytes, entry, undefined);
  if (match !== "different" || issuer !== undefined) return match;
  // The missing issuer may be a precertificate signing certificate: then only two names differ.
  const logged = bytes.subarray(entry.signedStart, entry.signedEnd);
  const finalIssuer = inPart("TBSCertificate", () => finalIssuerOf(logged));
  return matchLogged(bytes, entry, finalIssuer);
}

/**
 * A precertificate signing certificate signed the precertificate for the authority that issued it. The log replaces
 * two of its names, so that comparing them proves nothing: the signature does.
 */
function matchSignedOnBehalf(
  bytes: Buffer,
  entry: Entry,
  signer: IssuerFacts,
  issuers: IssuerChain["issuers"],
): TbsMatch {
  if (issuers.length === 1) {
    throw new FormatError("has a chain that ends with a precertificate signing certificate");
  }
  const [, authority] = issuers;
  if (authority !== undefined) requireKeyOf(bytes, entry, authority);
  const match = matchLogged(bytes, entry, signer);
  const submitted = bytes.subarray(entry.precertificateStart, entry.precertificateEnd);
  if (match !== "different" && !isSignedBy(submitted, signer.keyInfo)) {
    const { fingerprint } = signer;
    throw new FormatError(
      `has a precertificate without a signature of its signing certificate ${fingerprint}`,
    );
  }
  return match;
}

function matchLogged(bytes: Buffer, entry: Entry, finalIssuer: FinalIssuer | undefined): TbsMatch {
  const submitted = bytes.subarray(entry.precertificateStart, entry.precertificateEnd);
  const logged = bytes.subarray(entry.signedStart, entry.signedEnd);
  return inPart("precertificate", () => matchLoggedTbs(submitted, logged, finalIssuer));
}

function requireKeyOf(bytes: Buffer, { issuerKeyHashStart: start }: Entry, issuer: IssuerFacts): void {
  const { keyHash, fingerprint } = issuer;
  if (bytes.compare(keyHash, 0, keyHash.length, start, start + keyHash.length) === 0) return;
  throw new FormatError(`has an issuer_key_hash that is not of the key of its issuer ${fingerprint}`);
}

function requireLeafIndex(bytes: Buffer, entry: Entry, index: number): void {
  const stated = leafIndexOf(bytes, entry.extensionsStart, entry.leafEnd);
  if (stated === undefined || stated === index) return;
  throw new FormatError("has the leaf_index of another entry", String(index), String(stated));
}

/** The first certificate of a chain certifies what was submitted (RFC 6962 §3.1). */
function requireIssuer(bytes: Buffer, { subject, fingerprint }: IssuerFacts): void {
  const { issuerStart, validityStart } = certificate.tbs;
  if (bytes.compare(subject, 0, subject.length, issuerStart, validityStart) === 0) return;
  if (namesMatch(bytes.subarray(issuerStart, validityStart), subject)) return;
  throw new FormatError(`names another issuer than ${fingerprint}, with which its chain begins`);
}

/**
 * A chain ends with a root (RFC 6962 §3.1), so a certificate without a chain must be one itself. Which roots a log
 * trusts is its own choice: also authorities that others certified, and old roots without basic constraints. But a
 * host's certificate that names another issuer cannot be one: its chain was removed.
 */
function requirePossibleRoot(bytes: Buffer): void {
  const { tbs } = certificate;
  const { issuerStart, validityStart, subjectStart, keyInfoStart } = tbs;
  if (bytes.compare(bytes, subjectStart, keyInfoStart, issuerStart, validityStart) === 0) return;
  if (inPart("certificate", () => isAuthority(bytes, tbs))) return;
  throw new FormatError("has no chain, although its certificate cannot be a root");
}

function verdictOn({ problem, missing }: IssuerChain, match: TbsMatch): EntryVerdict {
  if (problem !== undefined) return { kind: "wrong", problem };
  if (missing.length > 0) {
    const more = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
    const problem = `depends on issuers that are missing and was not checked in full: ${missing[0]}${more}`;
    return { kind: "not-checked", problem, missing };
  }
  return match === "re-encoded" ? RE_ENCODED : OK;
}

/** Reads a part of an entry, and names the part in the error if that fails. */
function inPart<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`has a ${name} that ${error.message}`, error.expected, error.found);
  }
}

function clauseOf({ message, expected, found }: FormatError): string {
  const comparison = expected === undefined ? "" : ` (expected ${expected}, found ${found ?? "nothing"})`;
  return `${message}${comparison}`;
}
