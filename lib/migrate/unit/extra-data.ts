/**
 * The check of extra data (RFC 6962 §4.6), which no leaf hash of Static CT covers (promise 1). A bundle is accepted only if
 * every issuer that its chains name exists, or is allowed to be missing; and, with `deep`, if its entries agree with
 * the certificates in their chains.
 */

import { forEachStaticCtEntry } from "../../tlog/bundle.ts";
import { FormatError } from "../../tlog/errors.ts";
import { type EntryBundleCoordinate, FULL_WIDTH, issuerPath } from "../../tlog/layout.ts";
import { FINGERPRINT_SIZE } from "../../tlog/static-ct/entry.ts";
import {
  checkEntry,
  type EntryVerdict,
  type IssuerChain,
  linkIssuers,
} from "../../tlog/static-ct/extra-data-check.ts";
import { type Issuer, type IssuerCache, MISSING_ADVICE } from "../issuers/cache.ts";
import type { Counters } from "../report/counters.ts";

/** Issuers that entries name, each with the index of the first known entry that names it. */
export type NamedIssuers = Map<Issuer, number>;

export interface ExtraDataOptions {
  readonly issuers: IssuerCache;
  /** Entries may name issuers that are unavailable. */
  readonly allowMissing: boolean;
  /** A refused bundle is read again past every cache: its fingerprints may have been corrupted in transit. */
  readonly rereads: boolean;
  /** Counts checked entries; undefined if only issuers are checked. */
  readonly deepCounters: Counters | undefined;
}

/** A chain of which every issuer is known. */
interface KnownChain extends IssuerChain {
  readonly named: readonly Issuer[];
}

/** Most chains in the cache: far more than honest logs have. */
const MAX_CHAINS = 100_000;

/** Longer chains, which honest logs do not have, are not cached: one may have 2,047 issuers. */
const MAX_KNOWN_LENGTH = 8 * FINGERPRINT_SIZE;

/** Number of issuers of one bundle that are looked up at the same time. */
const LOOKED_UP_AT_ONCE = 64;

const DEEP_ADVICE =
  "No leaf hash covers this: ask the log's operator. Without --deep (for verify: with --no-deep) it is not checked";

export class ExtraDataCheck {
  readonly #options: ExtraDataOptions;
  readonly #chains = new Map<string, KnownChain>();

  constructor(options: ExtraDataOptions) {
    this.#options = options;
  }

  /**
   * Checks the extra data of a bundle whose leaf hashes are right, and adds the issuers that it names to `named`.
   * Returns undefined if done synchronously, else a promise; until it resolves the bytes must not change.
   * @param isFresh whether it was read past every cache: only then is it certain that an entry names the missing issuer.
   * @throws FormatError, or rejects with it.
   */
  check(
    bundle: Uint8Array,
    coordinate: EntryBundleCoordinate,
    named: NamedIssuers,
    isFresh: boolean,
  ): Promise<void> | undefined {
    const unknown = this.#checkKnown(bundle, coordinate, named);
    if (unknown.size === 0) return undefined;
    return this.#lookUp(unknown, isFresh).then(() => {
      if (this.#checkKnown(bundle, coordinate, named).size > 0)
        throw new Error("an issuer that was just looked up is unknown");
    });
  }

  /** Does the check if all issuers are known; else returns the unknown ones, each with the first entry that names it. */
  #checkKnown(
    bundle: Uint8Array,
    { index, width }: EntryBundleCoordinate,
    named: NamedIssuers,
  ): Map<string, number> {
    const { deepCounters } = this.#options;
    const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.length);
    const unknown = new Map<string, number>();
    const chains = new Map<KnownChain, number>();
    const verdicts: Record<EntryVerdict["kind"], number> = {
      ok: 0,
      wrong: 0,
      "re-encoded": 0,
      "not-checked": 0,
    };
    let firstWrong = "";
    let chain: KnownChain | undefined;
    forEachStaticCtEntry(bytes, width, (parts, position, hasNewChain) => {
      const entry = index * FULL_WIDTH + position;
      if (hasNewChain) {
        chain = this.#chainAt(bytes, parts.chainStart, parts.entryEnd, entry, unknown);
        if (chain !== undefined && !chains.has(chain)) chains.set(chain, entry);
      }
      if (deepCounters === undefined || chain === undefined || unknown.size > 0) return;
      const verdict = checkEntry(bytes, parts, entry, chain);
      verdicts[verdict.kind]++;
      if (verdict.kind === "wrong") firstWrong ||= `entry ${entry} ${verdict.problem}`;
    });
    if (unknown.size > 0) return unknown;
    for (const [{ named: issuers }, entry] of chains) {
      for (const issuer of issuers) named.set(issuer, Math.min(entry, named.get(issuer) ?? entry));
    }
    if (verdicts.wrong > 0) {
      const more = verdicts.wrong === 1 ? "" : `; ${verdicts.wrong - 1} more of its entries are wrong too`;
      throw new FormatError(firstWrong + more, undefined, undefined, DEEP_ADVICE);
    }
    deepCounters?.add("deepEntries", width - verdicts["not-checked"]);
    deepCounters?.add("reencodedEntries", verdicts["re-encoded"]);
    deepCounters?.add("uncheckedEntries", verdicts["not-checked"]);
    return unknown;
  }

  /** The chain at these bytes; undefined if some of its issuers are unknown; these are added to `unknown`. */
  #chainAt(
    bytes: Buffer,
    start: number,
    end: number,
    entry: number,
    unknown: Map<string, number>,
  ): KnownChain | undefined {
    const key = end - start > MAX_KNOWN_LENGTH ? undefined : bytes.toString("latin1", start, end);
    const known = key === undefined ? undefined : this.#chains.get(key);
    if (known !== undefined) return known;
    const named: Issuer[] = [];
    const fingerprints = fingerprintsIn(bytes, start, end);
    for (const fingerprint of fingerprints) {
      const issuer = this.#options.issuers.known(fingerprint);
      if (issuer !== undefined) named.push(issuer);
      else if (!unknown.has(fingerprint)) unknown.set(fingerprint, entry);
    }
    if (named.length < fingerprints.length) return undefined;
    const facts = named.map((issuer) => issuer.facts);
    const chain = { ...linkIssuers(fingerprints, facts), named };
    if (this.#chains.size >= MAX_CHAINS) this.#chains.clear();
    if (key !== undefined) this.#chains.set(key, chain);
    return chain;
  }

  async #lookUp(unknown: ReadonlyMap<string, number>, isFresh: boolean): Promise<void> {
    const { issuers, allowMissing, rereads } = this.#options;
    const takesMissing = allowMissing && (isFresh || !rereads);
    const all = [...unknown];
    for (let at = 0; at < all.length; at += LOOKED_UP_AT_ONCE) {
      const group = all.slice(at, at + LOOKED_UP_AT_ONCE);
      const found = await Promise.all(group.map(([fingerprint, entry]) => issuers.find(fingerprint, entry)));
      for (const { fingerprint, problem } of found) {
        if (issuers.known(fingerprint) !== undefined) continue;
        if (takesMissing) issuers.confirmMissing(fingerprint);
        else {
          const names = `entry ${unknown.get(fingerprint)} names an issuer that ${problem}`;
          throw new FormatError(`${names}: ${issuerPath(fingerprint)}`, undefined, undefined, MISSING_ADVICE);
        }
      }
    }
  }
}

function fingerprintsIn(bytes: Buffer, start: number, end: number): string[] {
  const fingerprints: string[] = [];
  for (let at = start; at < end; at += FINGERPRINT_SIZE) {
    fingerprints.push(bytes.toString("hex", at, at + FINGERPRINT_SIZE));
  }
  return fingerprints;
}
