/**
 * The chains of a Static CT log: lists of fingerprints, which no leaf hash covers. A log has hundreds of millions of
 * entries and some thousands of chains, so that a chain is looked at once and known from then on.
 */

import type { IssuerFacts } from "../x509/issuer.ts";
import { namesMatch } from "../x509/name.ts";
import { FINGERPRINT_SIZE } from "./entry.ts";

/** Chains that are known at one time. A hostile log can have a new one in every entry. */
const MAX_KNOWN = 4096;

/** Longer chains, which no honest log has, are looked at each time: one may have 2,047 issuers. */
const MAX_KNOWN_BYTES = 32 * FINGERPRINT_SIZE;

/**
 * The facts of the issuer that a fingerprint names, which is 64 lower-case hexadecimal digits as in the path
 * `issuer/<fingerprint>`; undefined where it is not there, or not yet.
 */
export type IssuerLookup = (fingerprint: string) => IssuerFacts | undefined;

/** The issuers of an entry, the one first that is said to have issued what was submitted. */
export interface IssuerChain {
  readonly issuers: readonly (IssuerFacts | undefined)[];
  /** Fingerprints of those that are undefined. */
  readonly missing: readonly string[];
  /** What is wrong with the chain in itself, as a clause that follows "entry N of …". */
  readonly problem: string | undefined;
}

export class IssuerChains {
  readonly #lookup: IssuerLookup;
  readonly #known = new Map<string, IssuerChain>();

  constructor(lookup: IssuerLookup) {
    this.#lookup = lookup;
  }

  /** The chain whose fingerprints stand from `start` to `end`. */
  at(bytes: Buffer, start: number, end: number): IssuerChain {
    if (end - start > MAX_KNOWN_BYTES) return this.#newChain(bytes.subarray(start, end));
    const key = bytes.toString("latin1", start, end);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const chain = this.#newChain(bytes.subarray(start, end));
    if (chain.missing.length > 0) return chain;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(key, chain);
    return chain;
  }

  #newChain(bytes: Buffer): IssuerChain {
    const fingerprints: string[] = [];
    for (let at = 0; at < bytes.length; at += FINGERPRINT_SIZE) {
      fingerprints.push(bytes.toString("hex", at, at + FINGERPRINT_SIZE));
    }
    const issuers = fingerprints.map((fingerprint) => this.#lookup(fingerprint));
    const missing = fingerprints.filter((_, i) => issuers[i] === undefined);
    const broken = issuers.findIndex(
      (issuer, i) => issuer !== undefined && !isLinked(issuer, issuers[i + 1]),
    );
    const problem =
      broken === -1
        ? undefined
        : `has a chain in which ${fingerprints[broken + 1]} follows ${fingerprints[broken]}, whose issuer has another name`;
    return { issuers, missing, problem };
  }
}

/** Each certificate of a chain certifies the one before it (RFC 6962 §3.1). Of one that is missing, all is believed. */
function isLinked(issuer: IssuerFacts, next: IssuerFacts | undefined): boolean {
  return next === undefined || namesMatch(issuer.issuerName, next.subject);
}
