/**
 * The issuers of a Static CT log as a worker sees them. Each is accounted for once in the main thread, which every
 * worker asks when it first meets one; a bundle counts as done only when that has been answered for all it names.
 */

import { hash } from "node:crypto";
import { FormatError } from "../../tlog/errors.ts";
import { type EntryBundleCoordinate, FULL_WIDTH } from "../../tlog/layout.ts";
import { FINGERPRINT_SIZE, forEachStaticCtEntry } from "../../tlog/static-ct/entry.ts";
import type { IssuerFacts } from "../../tlog/x509/issuer.ts";

/** What the main thread is asked of an issuer. */
export interface IssuerQuestion {
  /** SHA-256 of its DER, in lower-case hexadecimal. */
  readonly fingerprint: string;
  /** Index in the log of an entry that names it. */
  readonly index: number;
  /** Whether it is to be listed if it cannot be had: what names it was read again past every cache. */
  readonly isCertain: boolean;
}

/** What it answers, once the issuer is durable in the target, or was looked for in vain. */
export interface IssuerAnswer {
  /** Why it cannot be had, as a clause; undefined if it is there. */
  readonly problem?: string | undefined;
  /** Whether it is listed already as one that cannot be had. */
  readonly isListed?: boolean;
  /** What the checks of entries need; undefined where it is not there, or where entries are not checked. */
  readonly facts?: IssuerFacts | undefined;
}

export type AskForIssuer = (question: IssuerQuestion) => Promise<IssuerAnswer>;

/** How a worker takes it that an issuer cannot be had. */
export interface IssuerLicence {
  /** Entries may name such issuers: whoever is asked takes note of them. */
  readonly allowMissing: boolean;
  /** A bundle that is refused is read again, past every cache: its fingerprints may have been spoilt on the way. */
  readonly readsAgain: boolean;
}

/** What to do about an issuer that cannot be had. */
export const MISSING_ADVICE =
  "Get it from the log's operator, or pass --allow-missing-issuers to go on without, and have the missing ones listed";

/** Chains that are remembered at once: far more than honest logs have, and a bound for those of others. */
const MAX_CHAINS = 100_000;

/** Longer chains are remembered by their hash. */
const MAX_PLAIN_CHAIN = 8 * FINGERPRINT_SIZE;

/** Questions about one bundle that are open at once. */
const QUESTIONS_AT_ONCE = 64;

export class IssuerBook {
  readonly #ask: AskForIssuer;
  readonly #licence: IssuerLicence;
  /** Chains of which every issuer is accounted for. */
  readonly #chains = new Set<string>();
  /** By fingerprint, in hexadecimal; a promise while the answer is awaited. */
  readonly #issuers = new Map<string, IssuerAnswer | Promise<IssuerAnswer>>();
  /** Issuers that cannot be had, of which the first bundle that named them was refused. */
  readonly #suspected = new Set<string>();

  constructor(ask: AskForIssuer, licence: IssuerLicence) {
    this.#ask = ask;
    this.#licence = licence;
  }

  /**
   * Accounts for the issuers that a data tile names: undefined if all were met before, else a promise of it, until
   * which the bytes must stay.
   * @throws FormatError, or rejects with it, if an entry names an issuer that cannot be had.
   */
  account(bundle: Uint8Array, { index, width }: EntryBundleCoordinate): Promise<void> | undefined {
    let unknown: Map<string, NamedChain> | undefined;
    forEachStaticCtEntry(bundle, width, ({ chainStart, entryEnd }, position, hasNewChain) => {
      if (!hasNewChain) return;
      const fingerprints = bundle.subarray(chainStart, entryEnd);
      const key = keyOf(fingerprints);
      if (this.#chains.has(key)) return;
      unknown ??= new Map();
      if (!unknown.has(key)) unknown.set(key, { fingerprints, entry: index * FULL_WIDTH + position });
    });
    return unknown && this.#learn(unknown);
  }

  /** What is known of an issuer, undefined if it cannot be had. Only of one that was accounted for. */
  factsOf(fingerprint: string): IssuerFacts | undefined {
    const answer = this.#issuers.get(fingerprint);
    return answer instanceof Promise ? undefined : answer?.facts;
  }

  async #learn(chains: ReadonlyMap<string, NamedChain>): Promise<void> {
    const named = issuersOf(chains.values());
    const missing: Missing[] = [];
    for (let at = 0; at < named.length; at += QUESTIONS_AT_ONCE) {
      const group = named.slice(at, at + QUESTIONS_AT_ONCE);
      const answers = await Promise.all(group.map(([name, entry]) => this.#answerFor(name, entry)));
      answers.forEach(({ problem, isListed = false }, i) => {
        const [fingerprint, entry] = group[i] as [string, number];
        if (problem !== undefined) missing.push({ fingerprint, entry, problem, isListed });
      });
      if (missing.length > 0 && !this.#licence.allowMissing) break;
    }
    await this.#judge(missing);
    if (this.#chains.size + chains.size > MAX_CHAINS) this.#chains.clear();
    for (const key of chains.keys()) this.#chains.add(key);
  }

  /** Refuses a bundle that names issuers which cannot be had; with a licence, until it has been read again. */
  async #judge(missing: readonly Missing[]): Promise<void> {
    const { allowMissing, readsAgain } = this.#licence;
    const doubtful = missing.filter(
      ({ fingerprint, isListed }) =>
        !(allowMissing && (isListed || !readsAgain || this.#suspected.has(fingerprint))),
    );
    for (const { fingerprint } of doubtful) this.#suspected.add(fingerprint);
    const [first] = doubtful;
    if (first !== undefined) {
      const problem = `entry ${first.entry} names an issuer that ${first.problem}: issuer/${first.fingerprint}`;
      throw new FormatError(problem, undefined, undefined, MISSING_ADVICE);
    }
    const certain = missing.map(({ fingerprint, entry }) => ({ fingerprint, index: entry, isCertain: true }));
    await Promise.all(certain.map((question) => this.#ask(question)));
  }

  async #answerFor(fingerprint: string, index: number): Promise<IssuerAnswer> {
    const known = this.#issuers.get(fingerprint);
    if (known !== undefined) return await known;
    const asking = this.#ask({ fingerprint, index, isCertain: false });
    this.#issuers.set(fingerprint, asking);
    const answer = await asking;
    this.#issuers.set(fingerprint, answer);
    return answer;
  }
}

interface NamedChain {
  readonly fingerprints: Uint8Array;
  /** The first entry that has it. */
  readonly entry: number;
}

interface Missing extends Required<Pick<IssuerAnswer, "isListed">> {
  readonly fingerprint: string;
  readonly entry: number;
  readonly problem: string;
}

/** The issuers of chains, each once, with the first entry that names it. */
function issuersOf(chains: Iterable<NamedChain>): [fingerprint: string, entry: number][] {
  const found = new Map<string, number>();
  for (const { fingerprints, entry } of chains) {
    const bytes = Buffer.from(fingerprints.buffer, fingerprints.byteOffset, fingerprints.length);
    for (let at = 0; at < bytes.length; at += FINGERPRINT_SIZE) {
      const name = bytes.toString("hex", at, at + FINGERPRINT_SIZE);
      if (!found.has(name)) found.set(name, entry);
    }
  }
  return [...found];
}

/** What a chain is remembered by. */
function keyOf(chain: Uint8Array): string {
  if (chain.length > MAX_PLAIN_CHAIN) return hash("sha256", chain, "hex");
  return Buffer.from(chain.buffer, chain.byteOffset, chain.length).toString("latin1");
}
