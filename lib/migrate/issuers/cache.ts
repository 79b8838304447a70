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
  /** What the checks of entries need; undefined where entries are not checked, or where it is unavailable. */
  readonly facts?: IssuerFacts;
  /** Why it is unavailable, as a clause; undefined if it is there. */
  readonly problem?: string;
}

export interface IssuerCacheOptions {
  readonly context: ReadContext;
  /** Where they are stored, undefined where they are only read. Called when the first is looked up. */
  readonly writer?: (() => TargetWriter) | undefined;
  /** Whether entries are checked against them, so that each must be a certificate. */
  readonly deep: boolean;
  /**
   * Whether an issuer that the source refuses is unavailable like one that is missing, rather than the end: many
   * buckets answer so for what is missing.
   */
  readonly takesDenied?: boolean | undefined;
}

/** Bounds on what a hostile log can have remembered: the trust stores of all browsers lead to some ten thousand. */
export const MAX_ISSUERS = 100_000;
const MAX_TOTAL_BYTES = 256_000_000;

const CONCURRENCY = 8;

/** What to do about an issuer that is unavailable. */
export const MISSING_ADVICE =
  "Get it from the log's operator and store it in the target under this name, or pass --allow-missing-issuers to go on " +
  "without, and have the missing ones listed";

export class IssuerCache {
  readonly #options: IssuerCacheOptions;
  readonly #limit = pLimit(CONCURRENCY);
  /** By fingerprint; a promise while one is looked up. */
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

  /** An issuer that is there, or that is certain to be named and missing; undefined of any other. */
  known(fingerprint: string): Issuer | undefined {
    const issuer = this.#issuers.get(fingerprint);
    if (issuer === undefined || issuer instanceof Promise) return undefined;
    return issuer.problem === undefined || this.#certain.has(fingerprint) ? issuer : undefined;
  }

  /**
   * Looks an issuer up that an entry names. Without a problem, it is durable then in the target, where there is one.
   * @throws OperationError if source or target cannot be reached; VerificationError if there are too many.
   */
  async find(fingerprint: string, entry: number): Promise<Issuer> {
    const known = this.#issuers.get(fingerprint);
    if (known !== undefined) return await known;
    const finding = this.#findNew(fingerprint, entry);
    this.#issuers.set(fingerprint, finding);
    return await finding;
  }

  /** Notes that entries do name an issuer that is unavailable: it is not a fingerprint that was corrupted. */
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
      // A unit that is written again asks again.
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

  /** The issuer as an earlier run, or another thread, has stored it; else as the source has it, and stored. */
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

/** The issuer of this fingerprint as the source has it. @throws VerificationError if it is missing, or another one. */
export function fetchIssuer(context: ReadContext, fingerprint: string): Promise<Uint8Array> {
  const read = (hints: ReadHints) => context.source.issuer(fingerprint, hints);
  return readAuthentic(context, issuerPath(fingerprint), read, (bytes) => {
    const other = fingerprintOf(bytes);
    if (other === fingerprint) return bytes;
    throw new FormatError("is another certificate than its name says", fingerprint, other);
  });
}

/** Whether a source has refused an object for a reason that stays. */
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
    advice: "The fingerprints of chains, which no leaf hash covers, are not those of certificates",
  });
}

export function fingerprintOf(der: Uint8Array): string {
  return hash("sha256", der, "hex");
}

/** What is not a certificate has issued nothing: naming it as an issuer would switch off every check against it. */
function factsOf(der: Uint8Array): Pick<Issuer, "facts" | "problem"> {
  const facts = attempt(() => parseIssuer(der));
  return facts ? { facts } : { problem: "is not a certificate that can be read" };
}

/** An issuer that was looked up, as a unit's result has it. @param entry that names it. */
export function namedBy({ fingerprint, bytes, problem }: Issuer, entry: number): NamedIssuer {
  return problem === undefined ? { fingerprint, entry, bytes } : { fingerprint, entry, problem };
}
