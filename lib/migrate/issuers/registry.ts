/**
 * Which issuers the entries of a Static CT log name, as the results of all units say. Those that are there are durable
 * in the target before a bundle that names them counts, and so before the seal above it (promise 2).
 */

import { VerificationError } from "../../errors.ts";
import { ISSUER_DIRECTORY, issuerPath } from "../../tlog/layout.ts";
import type { MissingIssuer, PresentIssuer, UnitResult } from "../ports/executor.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { IssuerCache, type IssuerCacheOptions, MISSING_ADVICE, requirePlausible } from "./cache.ts";
import { readIssuerList, writeIssuerList } from "./manifest.ts";

export class IssuerRegistry {
  readonly #options: IssuerCacheOptions;
  readonly #cache: IssuerCache;
  readonly #present = new Map<string, PresentIssuer>();
  readonly #missing = new Map<string, MissingIssuer>();
  #totalBytes = 0;
  #isStored = false;
  #storing = Promise.resolve();

  /** @param options how those are looked up that earlier runs have seen. */
  constructor(options: IssuerCacheOptions) {
    this.#options = options;
    this.#cache = new IssuerCache(options);
  }

  /** How many were seen, the missing ones among them. */
  get count(): number {
    return this.#present.size + this.#missing.size;
  }

  /** Those that are unavailable, by the entries that were seen to name them. */
  missing(): MissingIssuer[] {
    return [...this.#missing.values()].toSorted(
      (a, b) => a.entry - b.entry || (a.fingerprint < b.fingerprint ? -1 : 1),
    );
  }

  /** Adds what was seen in a unit. @throws VerificationError if there are more issuers than any log has. */
  add({ issuers, missingIssuers }: Pick<UnitResult, "issuers" | "missingIssuers">): void {
    for (const issuer of issuers) {
      if (!this.#present.has(issuer.fingerprint)) this.#totalBytes += issuer.bytes;
      // A worker that did not get it may just have been less lucky than this one.
      this.#missing.delete(issuer.fingerprint);
      this.#addEarliest(this.#present, issuer);
    }
    for (const issuer of missingIssuers) {
      if (!this.#present.has(issuer.fingerprint)) this.#addEarliest(this.#missing, issuer);
    }
  }

  /**
   * Adds what earlier runs have seen, and stores again what is gone.
   * @throws VerificationError if an issuer is unavailable by now, unless that is allowed.
   */
  async recall(target: MigrationTarget, allowMissing: boolean): Promise<void> {
    const list = (await readIssuerList(target, this.#options.context.signal)) ?? [];
    const recalled = [...list].map(async ([fingerprint, entry]) => {
      const { bytes, problem } = await this.#cache.find(fingerprint, entry);
      if (problem === undefined) this.add({ issuers: [{ fingerprint, entry, bytes }], missingIssuers: [] });
      else this.add({ issuers: [], missingIssuers: [{ fingerprint, entry, problem }] });
    });
    await Promise.all(recalled);
    const [first] = this.missing();
    if (first === undefined || allowMissing) return;
    throw new VerificationError({
      object: issuerPath(first.fingerprint),
      problem: `${first.problem}, and entry ${first.entry} names it`,
      advice: MISSING_ADVICE,
    });
  }

  /** Stores the list of all that were seen, if it has changed since the last time; durable when it resolves. */
  store(): Promise<void> {
    this.#storing = this.#storing.then(async () => {
      const writer = this.#options.writer?.();
      if (writer === undefined || this.#isStored) return;
      this.#isStored = true;
      const seen = [...this.#present.values(), ...this.#missing.values()];
      await writeIssuerList(writer, new Map(seen.map(({ fingerprint, entry }) => [fingerprint, entry])));
    });
    return this.#storing;
  }

  /** Checks that every issuer that was stored is still in the target (promise 3). @throws VerificationError */
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

  #addEarliest<T extends Omit<PresentIssuer, "bytes">>(all: Map<string, T>, issuer: T): void {
    const known = all.get(issuer.fingerprint);
    if (known !== undefined && known.entry <= issuer.entry) return;
    all.set(issuer.fingerprint, issuer);
    this.#isStored = false;
    requirePlausible(this.count, this.#totalBytes, issuer.entry);
  }
}
