/**
 * The issuers of a Static CT log, in the main thread: each that entries name is fetched once, held against its name,
 * and stored. The bundles that name it count as done only then, and so does the seal above them (promise 2).
 */

import { hash } from "node:crypto";
import pLimit from "p-limit";
import { VerificationError } from "../../errors.ts";
import { FormatError } from "../../tlog/errors.ts";
import { ISSUER_DIRECTORY, issuerPath } from "../../tlog/layout.ts";
import { type IssuerFacts, parseIssuer } from "../../tlog/x509/issuer.ts";
import { MAX_ISSUER_BYTES } from "../ports/source.ts";
import type { MigrationTarget, TargetWriter } from "../ports/target.ts";
import type { ReadContext } from "../read/context.ts";
import { readAuthentic } from "../read/retry.ts";
import { type IssuerAnswer, type IssuerQuestion, MISSING_ADVICE } from "./cache.ts";
import { readIssuerList, writeIssuerList } from "./manifest.ts";

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
  /** Whether entries are held against them, so that each must be a certificate. */
  readonly deep: boolean;
}

/** Bounds of what a hostile log can have remembered: the trust stores of all browsers lead to some ten thousand. */
const MAX_ISSUERS = 100_000;
const MAX_TOTAL_BYTES = 256_000_000;

/** Issuers that are looked for at once. */
const CONCURRENCY = 8;

export class Issuers {
  readonly #options: IssuersOptions;
  readonly #limit = pLimit(CONCURRENCY);
  readonly #answers = new Map<string, Promise<IssuerAnswer>>();
  readonly #missing = new Map<string, MissingIssuer>();
  /** Of those that are there, the first that was asked for. */
  readonly #present = new Map<string, number>();
  #totalBytes = 0;
  #listed = -1;
  #listing = Promise.resolve();

  constructor(options: IssuersOptions) {
    this.#options = options;
  }

  /** How many were accounted for, the missing ones among them. */
  get count(): number {
    return this.#present.size + this.#missing.size;
  }

  /** Those that cannot be had, by the entries that were seen to name them. */
  missing(): MissingIssuer[] {
    return [...this.#missing.values()].toSorted((a, b) => a.entry - b.entry);
  }

  /**
   * Accounts for an issuer.
   * @throws OperationError if source or target cannot be reached; VerificationError if there are too many.
   */
  async account({ fingerprint, index, isCertain }: IssuerQuestion): Promise<IssuerAnswer> {
    let answer = this.#answers.get(fingerprint);
    if (answer === undefined) {
      if (this.#answers.size === MAX_ISSUERS) throw tooMany(index);
      answer = this.#limit(() => this.#find(fingerprint, index));
      this.#answers.set(fingerprint, answer);
    }
    const found = await answer;
    if (found.problem === undefined) return found;
    const isListed = this.#missing.has(fingerprint);
    if (isCertain || isListed) this.#miss(fingerprint, index, found.problem);
    return { ...found, isListed };
  }

  /**
   * Accounts for what earlier runs had accounted for, and has it fetched again where it is gone.
   * @throws VerificationError if one cannot be had any more, unless that is allowed.
   */
  async recall(target: MigrationTarget, allowMissing: boolean): Promise<void> {
    const list = await readIssuerList(target, this.#options.context.signal);
    await Promise.all(
      [...(list ?? [])].map(([fingerprint, index]) => this.account({ fingerprint, index, isCertain: true })),
    );
    const [first] = this.missing();
    if (first === undefined || allowMissing) return;
    throw new VerificationError({
      object: issuerPath(first.fingerprint),
      problem: `${first.problem}, and entry ${first.entry} names it`,
      advice: MISSING_ADVICE,
    });
  }

  /** Stores which are accounted for, if more are than last time; durable when it resolves. */
  store(): Promise<void> {
    this.#listing = this.#listing.then(async () => {
      const { count } = this;
      const writer = this.#options.writer?.();
      if (writer === undefined || count === this.#listed) return;
      const missing = this.missing().map(({ fingerprint, entry }) => [fingerprint, entry] as const);
      await writeIssuerList(writer, new Map([...this.#present, ...missing]));
      this.#listed = count;
    });
    return this.#listing;
  }

  /** Looks whether those that are accounted for stand in the target (promise 3). @throws VerificationError */
  async requireInPlace(target: MigrationTarget): Promise<void> {
    const left = new Set([...this.#present.keys()].map(issuerPath));
    for await (const { path, bytes } of target.list(ISSUER_DIRECTORY)) if (bytes > 0) left.delete(path);
    const [gone] = left;
    if (gone === undefined) return;
    throw new VerificationError({
      object: target.locate(gone),
      problem: "is missing, though it was stored",
      advice: "Find out who else writes here, then run the same command again",
    });
  }

  #miss(fingerprint: string, index: number, problem: string): void {
    const entry = Math.min(index, this.#missing.get(fingerprint)?.entry ?? index);
    this.#missing.set(fingerprint, { fingerprint, entry, problem });
  }

  async #find(fingerprint: string, index: number): Promise<IssuerAnswer> {
    let der: Uint8Array;
    try {
      der = (await this.#keepInPlace(fingerprint)) ?? (await this.#fetch(fingerprint));
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error;
      return { problem: error.facts.problem };
    }
    this.#totalBytes += der.length;
    if (this.#totalBytes > MAX_TOTAL_BYTES) throw tooMany(index);
    const answer: IssuerAnswer = this.#options.deep ? answerOf(der) : {};
    if (answer.problem === undefined) this.#present.set(fingerprint, index);
    return answer;
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

/** What is no certificate has issued nothing: who could name it as an issuer could switch off every check by it. */
function answerOf(der: Uint8Array): { readonly problem: string } | { readonly facts: IssuerFacts } {
  try {
    return { facts: parseIssuer(der) };
  } catch (error) {
    if (error instanceof FormatError) return { problem: "is no certificate that can be read" };
    throw error;
  }
}

function tooMany(index: number): VerificationError {
  return new VerificationError({
    object: `${ISSUER_DIRECTORY}/`,
    problem: `the entries up to ${index} name more issuers than any log has`,
    expected: `at most ${MAX_ISSUERS}, and ${MAX_TOTAL_BYTES} bytes of them`,
    advice: "The fingerprints of chains, which no leaf hash covers, are not those of certificates",
  });
}
