/**
 * What a leaf hash of Static CT does not cover, and so no root: the chain of an entry, and the precertificate as it
 * was submitted. Bundles are held against rules of their own there before they count (promise 1).
 */

import { FormatError } from "../../tlog/errors.ts";
import { type EntryBundleCoordinate, FULL_WIDTH } from "../../tlog/layout.ts";
import { forEachStaticCtEntry } from "../../tlog/static-ct/entry.ts";
import { DeepCheck, type EntryVerdict } from "../../tlog/static-ct/extra-data-check.ts";
import type { Counters } from "../counters.ts";
import type { IssuerBook } from "../issuers/cache.ts";

const ADVICE =
  "No leaf hash covers this: ask the log's operator; without --deep, or with --no-deep, it is taken as it stands";

export class UncoveredParts {
  readonly #book: IssuerBook;
  /** Where the entries are counted that no verdict is possible on; undefined where only issuers are looked at. */
  readonly #counters: Counters | undefined;
  readonly #deepCheck: DeepCheck;

  /** @param counters of a check of every entry; undefined for issuers alone. */
  constructor(book: IssuerBook, counters: Counters | undefined) {
    this.#book = book;
    this.#counters = counters;
    this.#deepCheck = new DeepCheck((fingerprint) => book.factsOf(fingerprint));
  }

  /**
   * Resolves when every issuer that a data tile names is accounted for and, where that is asked for, its entries
   * are as they must be; undefined if all that is so at once.
   * @param bundle authentic as far as leaf hashes go.
   * @throws FormatError, or rejects with it.
   */
  check(bundle: Uint8Array, coordinate: EntryBundleCoordinate): Promise<void> | undefined {
    const accounting = this.#book.account(bundle, coordinate);
    if (this.#counters === undefined) return accounting;
    if (accounting !== undefined) return accounting.then(() => this.#checkEntries(bundle, coordinate));
    this.#checkEntries(bundle, coordinate);
    return undefined;
  }

  #checkEntries(bundle: Uint8Array, { index, width }: EntryBundleCoordinate): void {
    let wrong: string | undefined;
    const counts = { wrong: 0, "re-encoded": 0, "not-checked": 0 };
    forEachStaticCtEntry(bundle, width, (parts, position) => {
      const entry = index * FULL_WIDTH + position;
      const verdict: EntryVerdict = this.#deepCheck.checkEntry(bundle, parts, entry);
      if (verdict.kind === "ok") return;
      counts[verdict.kind]++;
      if (verdict.kind === "wrong") wrong ??= `entry ${entry} ${verdict.problem}`;
    });
    if (wrong !== undefined) {
      const others = counts.wrong - 1;
      const problem = others === 0 ? wrong : `${wrong}; ${others} more of its entries are wrong too`;
      throw new FormatError(problem, undefined, undefined, ADVICE);
    }
    this.#counters?.add("deepEntries", width - counts["not-checked"]);
    if (counts["re-encoded"] > 0) this.#counters?.add("reencodedEntries", counts["re-encoded"]);
    if (counts["not-checked"] > 0) this.#counters?.add("uncheckedEntries", counts["not-checked"]);
  }
}
