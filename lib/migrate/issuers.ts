/**
 * The issuers of a Static CT log, in the main thread: each that entries name is fetched once, held against its name,
 * and stored. The bundles that name it count as done only then, and so does the seal above them (promise 2).
 */

import { hash } from "node:crypto";
import { MAX_ISSUER_BYTES } from "../../storage/source.ts";
import type { TargetWriter } from "../../storage/target.ts";
import { FormatError, VerificationFailure } from "../tlog/errors.ts";
import { issuerPath } from "../tlog/layout.ts";
import { type IssuerFacts, parseIssuer } from "../tlog/x509.ts";
import type { IssuerAnswer, IssuerQuestion } from "./issuer-book.ts";
import type { ReadContext } from "./read-context.ts";
import { readAuthentic } from "./retry.ts";

/** An issuer that cannot be had. */
export interface MissingIssuer {
  /** SHA-256 of its DER, in lower-case hexadecimal: its name in `issuer/`. */
  readonly fingerprint: string;
  /** Index of an entry that names it. */
  readonly entry: number;
  /** Why, as a clause: it is missing, or what is there is something else. */
  readonly problem: string;
}

export interface IssuersOptions {
  readonly context: ReadContext;
  /** Where they are stored, undefined where they are only looked at. Asked for when the first is at hand. */
  readonly writer?: () => TargetWriter;
}

/** More issuers than any log names: the trust stores of all browsers lead to some ten thousand. */
const MAX_ISSUERS = 1_000_000;

export class Issuers {
  readonly #options: IssuersOptions;
  readonly #answers = new Map<string, Promise<IssuerAnswer>>();
  readonly #missing = new Map<string, MissingIssuer>();

  constructor(options: IssuersOptions) {
    this.#options = options;
  }

  /** How many were accounted for. */
  get count(): number {
    return this.#answers.size;
  }

  /** Those that cannot be had, by the first entry that was seen to name them. */
  missing(): MissingIssuer[] {
    return [...this.#missing.values()].toSorted((a, b) => a.entry - b.entry);
  }

  /** Accounts for an issuer. @throws OperationFailure if source or target cannot be reached. */
  account({ fingerprint, index }: IssuerQuestion): Promise<IssuerAnswer> {
    const known = this.#answers.get(fingerprint);
    if (known !== undefined) return known;
    if (this.#answers.size === MAX_ISSUERS) throw tooMany(index);
    const answer = this.#find(fingerprint, index);
    this.#answers.set(fingerprint, answer);
    return answer;
  }

  async #find(fingerprint: string, index: number): Promise<IssuerAnswer> {
    try {
      const der = (await this.#keepInPlace(fingerprint)) ?? (await this.#fetch(fingerprint));
      return { facts: factsOf(der) };
    } catch (error) {
      if (!(error instanceof VerificationFailure)) throw error;
      const { problem } = error.facts;
      this.#missing.set(fingerprint, { fingerprint, entry: index, problem });
      return { problem: `${problem}: ${issuerPath(fingerprint)}` };
    }
  }

  /** The issuer as an earlier run stored it. */
  async #keepInPlace(fingerprint: string): Promise<Uint8Array | undefined> {
    const { context } = this.#options;
    const writer = this.#options.writer?.();
    if (writer === undefined) return undefined;
    const path = issuerPath(fingerprint);
    const found = await writer.read(path, MAX_ISSUER_BYTES);
    if (found === undefined) return undefined;
    if (fingerprintOf(found) !== fingerprint) {
      context.counters.add("replacedObjects", 1);
      return undefined;
    }
    const batch = writer.batch();
    await batch.keep(path, found);
    await batch.commit();
    return found;
  }

  async #fetch(fingerprint: string): Promise<Uint8Array> {
    const { context } = this.#options;
    const writer = this.#options.writer?.();
    const path = issuerPath(fingerprint);
    const der = await readAuthentic(
      context,
      path,
      (hints) => context.source.issuer(fingerprint, hints),
      (bytes) => requireFingerprint(bytes, fingerprint),
    );
    if (writer !== undefined) {
      const batch = writer.batch();
      await batch.put(path, der);
      await batch.commit();
      context.counters.add("bytesStored", der.length);
    }
    return der;
  }
}

function requireFingerprint(der: Uint8Array, fingerprint: string): Uint8Array {
  const found = fingerprintOf(der);
  if (found === fingerprint) return der;
  throw new FormatError("is another certificate than its name says", fingerprint, found);
}

function fingerprintOf(der: Uint8Array): string {
  return hash("sha256", der, "hex");
}

/** Logs take what chains to their roots, and are older than some rules for certificates: it is copied as it is. */
function factsOf(der: Uint8Array): IssuerFacts | undefined {
  try {
    return parseIssuer(der);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function tooMany(index: number): VerificationFailure {
  return new VerificationFailure({
    object: "issuer/",
    problem: `the entries up to ${index} name more issuers than any log has`,
    expected: `at most ${MAX_ISSUERS}`,
    advice: "The fingerprints of chains, which no leaf hash covers, are not those of certificates",
  });
}
