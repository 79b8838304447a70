/**
 * The issuers of a Static CT log as one thread sees them. Each is looked up once: in the target, then in the source,
 * from where it is stored in the target; threads that store the same one write the same bytes.
 */

import { hash } from "node:crypto";
import pLimit from "p-limit";
import { OperationError, VerificationError } from "../../errors.ts";
import { attempt, FormatError } from "../../tlog/errors.ts";
import { ISSUER_DIRECTORY, issuerPath } from "../../tlog/layout.ts";
import { formatCount } from "../../tlog/quantities.ts";
import { type IssuerFacts, parseIssuer } from "../../tlog/x509/issuer.ts";
import type { MissingIssuer, NamedIssuer } from "../ports/executor.ts";
import { MAX_ISSUER_BYTES, type ReadHints, SourceError } from "../ports/source.ts";
import type { TargetWriter } from "../ports/target.ts";
import { readAuthentic } from "../read/authentic.ts";
import type { ReadContext } from "../read/context.ts";

/** An issuer that was looked up. */
export interface Issuer {
  readonly fingerprint: string;
  /** Length of its DER. */
  readonly bytes: number;
  /** Facts for the checks of entries; undefined if entries are not checked, or the issuer is unavailable. */
  readonly facts?: IssuerFacts;
  /** Why it is unavailable, as a clause; undefined if it is available. */
  readonly problem?: string;
}

export interface IssuerCacheOptions {
  readonly context: ReadContext;
  /** Opens the place to store them; undefined if they are only read. Called when the first issuer is looked up. */
  readonly writer?: (() => TargetWriter) | undefined;
  /** Whether entries are checked against them, so that each must be a certificate. */
  readonly deep: boolean;
  /**
   * Whether an issuer that the source refuses counts as missing and does not end the run: many buckets refuse missing
   * objects.
   */
  readonly takesDenied?: boolean | undefined;
}

/** Bounds on the issuers of a hostile log: the trust stores of all browsers have some ten thousand. */
export const MAX_ISSUERS = 100_000;
const MAX_TOTAL_BYTES = 256_000_000;

const CONCURRENCY = 8;

/** Advice for an unavailable issuer. */
export const MISSING_ADVICE =
  "Get it from the log's operator and store it in the target under this name, or pass --allow-missing-issuers to " +
  "continue without it and list the missing ones";

export class IssuerCache {
  readonly #options: IssuerCacheOptions;
  readonly #limit = pLimit(CONCURRENCY);
  /** Issuers by fingerprint; a promise while one is looked up. */
  readonly #issuers = new Map<string, Issuer | Promise<Issuer>>();
  /** Fingerprints of unavailable issuers that entries are known to name. */
  readonly #certain = new Set<string>();
  #totalBytes = 0;

  /** @param missing issuers that are known to be unavailable, and that entries are known to name. */
  constructor(options: IssuerCacheOptions, missing: readonly MissingIssuer[] = []) {
    this.#options = options;
    for (const { fingerprint, problem } of missing) {
      this.#issuers.set(fingerprint, { fingerprint, bytes: 0, problem });
      this.#certain.add(fingerprint);
    }
  }

  /** An issuer that is available, or certainly named by an entry and missing; else undefined. */
  known(fingerprint: string): Issuer | undefined {
    const issuer = this.#issuers.get(fingerprint);
    if (issuer === undefined || issuer instanceof Promise) return undefined;
    return issuer.problem === undefined || this.#certain.has(fingerprint) ? issuer : undefined;
  }

  /**
   * Looks up an issuer that an entry names. If it has no problem, it is then durable in the target (if there is a target).
   * @throws OperationError if source or target cannot be reached; VerificationError if there are too many.
   */
  async find(fingerprint: string, entry: number): Promise<Issuer> {
    const known = this.#issuers.get(fingerprint);
    if (known !== undefined) return await known;
    const finding = this.#findNew(fingerprint, entry);
    this.#issuers.set(fingerprint, finding);
    return await finding;
  }

  /** Notes that an entry certainly names an unavailable issuer: the fingerprint was not corrupted in transit. */
  confirmMissing(fingerprint: string): void {
    this.#certain.add(fingerprint);
  }

  async #findNew(fingerprint: string, entry: number): Promise<Issuer> {
    try {
      const issuer = await this.#limit(() => this.#lookUp(fingerprint));
      this.#totalBytes += issuer.bytes;
      requirePlausible(this.#issuers.size, this.#totalBytes, entry);
      this.#issuers.set(fingerprint, issuer);
      return issuer;
    } catch (error) {
      // A repeated unit looks the issuer up again.
      this.#issuers.delete(fingerprint);
      throw error;
    }
  }

  async #lookUp(fingerprint: string): Promise<Issuer> {
    try {
      const der = await this.#keepOrFetch(fingerprint);
      return { fingerprint, bytes: der.length, ...(this.#options.deep && factsOf(der)) };
    } catch (error) {
      const isDenied = this.#options.takesDenied === true && isDenial(error);
      if (!(error instanceof VerificationError || isDenied)) throw error;
      return { fingerprint, bytes: 0, problem: error.facts.problem };
    }
  }

  /** The issuer that an earlier run or another thread has stored; else the source's, which is then stored. */
  async #keepOrFetch(fingerprint: string): Promise<Uint8Array> {
    const { context } = this.#options;
    const writer = this.#options.writer?.();
    const path = issuerPath(fingerprint);
    const found = await writer?.read(path, MAX_ISSUER_BYTES);
    const isRight = found !== undefined && fingerprintOf(found) === fingerprint;
    if (found !== undefined && !isRight) context.counters.add("replacedObjects", 1);
    const der = isRight ? found : await fetchIssuer(context, fingerprint);
    if (writer === undefined) return der;
    const batch = writer.batch();
    await (isRight ? batch.keep(path, der) : batch.put(path, der));
    await batch.commit();
    if (!isRight) context.counters.add("bytesStored", der.length);
    return der;
  }
}

/** The source's issuer with this fingerprint. @throws VerificationError if it is missing, or has another hash. */
export function fetchIssuer(context: ReadContext, fingerprint: string): Promise<Uint8Array> {
  const read = (hints: ReadHints) => context.source.issuer(fingerprint, hints);
  return readAuthentic(context, issuerPath(fingerprint), read, (bytes) => {
    const other = fingerprintOf(bytes);
    if (other === fingerprint) return bytes;
    throw new FormatError("does not hash to its name", fingerprint, other);
  });
}

/** Whether a source has refused an object permanently. */
function isDenial(error: unknown): error is OperationError {
  if (!(error instanceof OperationError && error.cause instanceof SourceError)) return false;
  return !error.cause.retryable && error.cause.status === 403;
}

/** @throws VerificationError if there are more issuers, or more bytes of them, than any log has. */
export function requirePlausible(issuers: number, bytes: number, entry: number): void {
  if (issuers <= MAX_ISSUERS && bytes <= MAX_TOTAL_BYTES) return;
  throw new VerificationError({
    object: `${ISSUER_DIRECTORY}/`,
    problem: `the entries up to ${entry} name more issuers than any log has`,
    expected: `at most ${formatCount(MAX_ISSUERS)}, and ${formatCount(MAX_TOTAL_BYTES)} bytes of them`,
    advice:
      "The log's chains, which no leaf hash covers, name fingerprints that are not those of certificates: ask its operator",
  });
}

export function fingerprintOf(der: Uint8Array): string {
  return hash("sha256", der, "hex");
}

/** A file that is not a certificate cannot be an issuer: accepting it would disable all checks against the issuer. */
function factsOf(der: Uint8Array): Pick<Issuer, "facts" | "problem"> {
  const facts = attempt(() => parseIssuer(der));
  return facts ? { facts } : { problem: "is not a certificate that can be read" };
}

/** A looked-up issuer in the form of a unit's result. @param entry that names it. */
export function namedBy({ fingerprint, bytes, problem }: Issuer, entry: number): NamedIssuer {
  return problem === undefined ? { fingerprint, entry, bytes } : { fingerprint, entry, problem };
}
