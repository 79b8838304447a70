/**
 * The issuers of a Static CT log as a worker sees them. Each is accounted for once in the main thread, which every
 * worker asks when it first meets one; a bundle counts as done only when that has been answered for all it names.
 */

import { FINGERPRINT_SIZE, forEachChain } from "../tlog/chains.ts";
import { FormatError } from "../tlog/errors.ts";
import { type EntryBundleCoordinate, FULL_WIDTH } from "../tlog/layout.ts";
import type { IssuerFacts } from "../tlog/x509.ts";

/** What the main thread is asked of an issuer. */
export interface IssuerQuestion {
  /** SHA-256 of its DER, in lower-case hexadecimal. */
  readonly fingerprint: string;
  /** Index in the log of an entry that names it. */
  readonly index: number;
}

/** What it answers, once the issuer is durable in the target, or was looked for in vain. */
export interface IssuerAnswer {
  /** Why it cannot be had, as a clause; undefined if it is there. */
  readonly problem?: string | undefined;
  /** What the checks of entries need; undefined where it is not there or no certificate. */
  readonly facts?: IssuerFacts | undefined;
}

export type AskForIssuer = (question: IssuerQuestion) => Promise<IssuerAnswer>;

const ADVICE =
  "Get it from the log's operator, or pass --allow-missing-issuers to go on without, and have the missing ones listed";

/** Chains that are remembered at once: far more than honest logs have, and a bound for those of others. */
const MAX_CHAINS = 100_000;

export class IssuerBook {
  readonly #ask: AskForIssuer;
  readonly #allowMissing: boolean;
  /** Chains, as text, of which every issuer is accounted for. */
  readonly #chains = new Set<string>();
  /** By fingerprint, in hexadecimal; a promise while the answer is awaited. */
  readonly #issuers = new Map<string, IssuerAnswer | Promise<IssuerAnswer>>();

  /** @param allowMissing entries may name issuers that cannot be had: whoever is asked takes note of them. */
  constructor(ask: AskForIssuer, allowMissing: boolean) {
    this.#ask = ask;
    this.#allowMissing = allowMissing;
  }

  /**
   * Accounts for the issuers that a data tile names: undefined if all were met before, else a promise of it.
   * @throws FormatError, or rejects with it, if an entry names an issuer that cannot be had.
   */
  account(bundle: Uint8Array, { index, width }: EntryBundleCoordinate): Promise<void> | undefined {
    let unknown: Map<string, number> | undefined;
    forEachChain(bundle, width, (fingerprints, position) => {
      const chain = textOf(fingerprints);
      if (this.#chains.has(chain)) return;
      unknown ??= new Map();
      if (!unknown.has(chain)) unknown.set(chain, index * FULL_WIDTH + position);
    });
    return unknown && this.#learn(unknown);
  }

  /** What is known of an issuer, undefined if it cannot be had. Only of one that was accounted for. */
  factsOf(fingerprint: string): IssuerFacts | undefined {
    const answer = this.#issuers.get(fingerprint);
    return answer instanceof Promise ? undefined : answer?.facts;
  }

  async #learn(chains: ReadonlyMap<string, number>): Promise<void> {
    for (const result of await Promise.allSettled([...chains].map((chain) => this.#learnChain(...chain)))) {
      if (result.status === "rejected") throw result.reason;
    }
  }

  async #learnChain(chain: string, index: number): Promise<void> {
    const bytes = Buffer.from(chain, "latin1");
    const fingerprints = Array.from({ length: bytes.length / FINGERPRINT_SIZE }, (_, i) =>
      bytes.toString("hex", i * FINGERPRINT_SIZE, (i + 1) * FINGERPRINT_SIZE),
    );
    const answers = await Promise.all(fingerprints.map((name) => this.#learnIssuer(name, index)));
    const problem = answers.find((answer) => answer.problem !== undefined)?.problem;
    // The chain is not kept then: it may have been spoilt on the way, and is read again.
    if (problem !== undefined && !this.#allowMissing)
      throw new FormatError(`entry ${index} names an issuer that ${problem}`, undefined, undefined, ADVICE);
    if (this.#chains.size === MAX_CHAINS) this.#chains.clear();
    this.#chains.add(chain);
  }

  async #learnIssuer(fingerprint: string, index: number): Promise<IssuerAnswer> {
    const known = this.#issuers.get(fingerprint);
    if (known !== undefined) return await known;
    const asking = this.#ask({ fingerprint, index });
    this.#issuers.set(fingerprint, asking);
    const answer = await asking;
    this.#issuers.set(fingerprint, answer);
    return answer;
  }
}

/** Bytes as a string of as many characters: what a Map can find them by. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
