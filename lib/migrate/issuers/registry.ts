/**
 * Collects the issuers that the entries of a Static CT log name, from the results of all units. Available issuers are
 * durable in the target before a bundle that names them counts as copied, and so before the seal above it (promise 2).
 * The list of all issuers is also stored in the target before each seal: a resume does not read bundles below seals,
 * and must check that their issuers are still in place.
 */

import { VerificationError } from "../../errors.ts";
import { ISSUER_DIRECTORY, issuerPath } from "../../tlog/layout.ts";
import type { MissingIssuer, NamedIssuer } from "../ports/executor.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { IssuerCache, type IssuerCacheOptions, MISSING_ADVICE, namedBy, requirePlausible } from "./cache.ts";
import { type IssuerLists, LIST_PATH } from "./lists.ts";

export interface IssuerRegistryOptions extends IssuerCacheOptions {
  /** The lists in the target; undefined if the issuers are only read. */
  readonly lists?: IssuerLists | undefined;
}

export class IssuerRegistry {
  readonly #options: IssuerRegistryOptions;
  readonly #cache: IssuerCache;
  readonly #seen = new Map<string, NamedIssuer>();
  #totalBytes = 0;
  #isStored = false;
  #storing = Promise.resolve();

  constructor(options: IssuerRegistryOptions) {
    this.#options = options;
    this.#cache = new IssuerCache(options);
  }

  /** Number of known issuers, missing ones included. */
  get count(): number {
    return this.#seen.size;
  }

  /** Whether this is the path of an available issuer that entries name. */
  isPresent(path: string): boolean {
    const [, fingerprint = ""] = /^issuer\/([0-9a-f]{64})$/.exec(path) ?? [];
    const issuer = this.#seen.get(fingerprint);
    return issuer !== undefined && "bytes" in issuer;
  }

  /** Unavailable issuers, in the order of the entries that name them. */
  missing(): MissingIssuer[] {
    return [...this.#seen.values()]
      .filter((issuer) => "problem" in issuer)
      .toSorted((a, b) => a.entry - b.entry || (a.fingerprint < b.fingerprint ? -1 : 1));
  }

  /** Adds the issuers of a unit. @throws VerificationError if there are more issuers than any log has. */
  add(issuers: readonly NamedIssuer[]): void {
    for (const issuer of issuers) {
      const known = this.#seen.get(issuer.fingerprint);
      const isPresent = "bytes" in issuer;
      const isNews = known === undefined || "bytes" in known !== isPresent;
      // One worker may have failed to get an issuer that another worker got.
      if (known !== undefined && (isNews ? !isPresent : known.entry <= issuer.entry)) continue;
      if (isNews && isPresent) this.#totalBytes += issuer.bytes;
      this.#seen.set(issuer.fingerprint, issuer);
      this.#isStored = false;
      requirePlausible(this.count, this.#totalBytes, issuer.entry);
    }
  }

  /**
   * Adds the issuers of earlier runs for a log of up to `size` entries, and stores missing ones again.
   * @throws VerificationError if an issuer is now unavailable, unless that is allowed.
   */
  async recall(allowMissing: boolean, size: number): Promise<void> {
    const list = (await this.#options.lists?.read(size)) ?? [];
    const recalled = [...list].map(async ([fingerprint, entry]) => {
      this.add([namedBy(await this.#cache.find(fingerprint, entry), entry)]);
    });
    await Promise.all(recalled);
    const [first] = this.missing();
    if (first === undefined || allowMissing) return;
    throw new VerificationError({
      object: issuerPath(first.fingerprint),
      problem: `${first.problem}, and entry ${first.entry} names it`,
      advice: `${MISSING_ADVICE}; if no entry names it, remove ${LIST_PATH} from the target: then all entries are read again`,
    });
  }

  /** Stores the list of all known issuers, if it has changed since the last time; durable when it resolves. */
  store(): Promise<void> {
    this.#storing = this.#storing.then(async () => {
      if (this.#isStored) return;
      this.#isStored = true;
      const issuers = [...this.#seen.values()];
      await this.#options.lists?.write(
        issuers.map(({ fingerprint, entry }) => [fingerprint, entry] as const),
      );
    });
    return this.#storing;
  }

  /** Checks that every stored issuer is still in the target (promise 3). @throws VerificationError */
  async requireInPlace(target: MigrationTarget): Promise<void> {
    const present = [...this.#seen.values()].filter((issuer) => "bytes" in issuer);
    const left = new Set(present.map(({ fingerprint }) => issuerPath(fingerprint)));
    for await (const { path, bytes } of target.list(ISSUER_DIRECTORY)) if (bytes > 0) left.delete(path);
    const [gone] = left;
    if (gone === undefined) return;
    throw new VerificationError({
      object: target.locate(gone),
      problem: "is missing, though it was stored",
      advice: "Find out who else writes here, then run the same command again",
    });
  }
}
