/** When a bundle counts as far as no leaf hash covers it: not before every issuer that it names does. */

import { describe, expect, it, vi } from "vitest";
import { IssuerCache } from "../../../../lib/migrate/issuers/cache.ts";
import type { MissingIssuer } from "../../../../lib/migrate/ports/executor.ts";
import {
  ExtraDataCheck,
  type ExtraDataOptions,
  type NamedIssuers,
} from "../../../../lib/migrate/unit/extra-data.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { entryOf, entryParts, staticCtEntry, testAuthorities } from "../../../support/logs/certificates.ts";
import { MemoryWriter, memoryContext } from "../../../support/logs/in-memory-log.ts";
import { FAST_RETRY } from "../../../support/migration.ts";

const authorities = testAuthorities("extra data");
const { root, intermediate, otherRoot } = authorities;
const parts = entryParts(authorities, "certificate", 0);
const entryWith = (...chain: { fingerprint: string }[]): Buffer =>
  staticCtEntry({ ...parts, chain: chain as unknown as typeof parts.chain });

/** Two chains, of which the first comes again; three issuers, of which one is in both. */
const BUNDLE = Buffer.concat([
  entryWith(intermediate, root),
  entryWith(intermediate, root),
  entryWith(otherRoot, root),
  entryWith(intermediate, root),
]);
const AT = { index: 3, width: 4 };
const ISSUERS = [intermediate, root, otherRoot];
const objects = new Map(ISSUERS.map(({ fingerprint, der }) => [`issuer/${fingerprint}`, der]));

interface Setup extends Partial<Omit<ExtraDataOptions, "issuers">> {
  readonly missing?: readonly MissingIssuer[];
  readonly source?: ReadonlyMap<string, Uint8Array>;
  readonly writer?: MemoryWriter;
}

function newCheck({ missing, source = objects, writer, ...options }: Setup = {}) {
  const retry = { ...FAST_RETRY, attempts: 0, contentAttempts: 0 };
  const context = memoryContext(source, "static-ct", { retry });
  const issuers = new IssuerCache(
    { context, deep: options.deepCounters !== undefined, writer: writer && (() => writer) },
    missing,
  );
  const usual = { allowMissing: false, rereads: true, deepCounters: undefined };
  const check = new ExtraDataCheck({ issuers, ...usual, ...options });
  return { check, issuers };
}

/** What a check has noted, by fingerprint. */
function entriesIn(named: NamedIssuers): Record<string, number> {
  return Object.fromEntries([...named].map(([{ fingerprint }, entry]) => [fingerprint, entry]));
}

describe("a bundle", () => {
  it("does not count before each of its issuers does", async () => {
    const commits: (() => void)[] = [];
    const writer = new MemoryWriter();
    const batch = writer.batch.bind(writer);
    const commit = () => new Promise<void>((resolve) => commits.push(resolve));
    writer.batch = () => ({ ...batch(), commit });
    const { check } = newCheck({ writer });
    const named: NamedIssuers = new Map();
    let isDone = false;
    const checking = check.check(BUNDLE, AT, named, false)?.then(() => {
      isDone = true;
    });
    await expect.poll(() => commits.length).toBe(ISSUERS.length);
    for (const finish of commits) {
      await new Promise(setImmediate);
      expect(isDone).toBe(false);
      expect(named.size).toBe(0);
      finish();
    }
    await checking;
    expect(isDone).toBe(true);
    expect(check.check(BUNDLE, { index: 9, width: 4 }, named, false)).toBeUndefined();
  });

  it("names each issuer with the first entry that does, whichever bundle was checked first", async () => {
    const { check } = newCheck();
    const named: NamedIssuers = new Map();
    const first = { [intermediate.fingerprint]: 768, [root.fingerprint]: 768, [otherRoot.fingerprint]: 770 };
    await check.check(BUNDLE, AT, named, false);
    expect(entriesIn(named)).toEqual(first);
    await check.check(BUNDLE, { index: 4, width: 4 }, named, false);
    expect(entriesIn(named)).toEqual(first);
    await check.check(entryWith(otherRoot), { index: 0, width: 1 }, named, false);
    expect(entriesIn(named)).toEqual({ ...first, [otherRoot.fingerprint]: 0 });
    // Another unit's are its own, though all are known by now.
    const others: NamedIssuers = new Map();
    expect(check.check(entryWith(root), { index: 7, width: 1 }, others, false)).toBeUndefined();
    expect(entriesIn(others)).toEqual({ [root.fingerprint]: 1792 });
  });

  it("is refused for an issuer that is unavailable, however often and however freshly it is read", async () => {
    const { check } = newCheck({ source: new Map() });
    for (const isFresh of [false, true, true]) {
      const checking = check.check(BUNDLE, AT, new Map(), isFresh);
      await expect(checking).rejects.toBeInstanceOf(FormatError);
      await expect(checking).rejects.toThrow(
        `entry 768 names an issuer that is missing: issuer/${intermediate.fingerprint}`,
      );
    }
  });
});

describe("where issuers may be missing, a bundle that names one", () => {
  const source = new Map([...objects].filter(([path]) => !path.endsWith(otherRoot.fingerprint)));
  const missing = { fingerprint: otherRoot.fingerprint, entry: 5, problem: "is missing" };

  it("is refused until it was read past every cache; others then need not be", async () => {
    const { check } = newCheck({ allowMissing: true, source });
    const named: NamedIssuers = new Map();
    for (let again = 0; again < 2; again++) {
      await expect(check.check(BUNDLE, AT, named, false)).rejects.toThrow(/^entry 770 names an issuer that/);
    }
    expect(named.size).toBe(0);
    await check.check(BUNDLE, AT, named, true);
    expect([...named.keys()].find(({ problem }) => problem !== undefined)).toMatchObject({
      fingerprint: otherRoot.fingerprint,
      problem: "is missing",
    });
    expect(check.check(BUNDLE, { index: 8, width: 4 }, named, false)).toBeUndefined();
  });

  it("counts at once where it could not be read again, or where the issuer is known to be missing", async () => {
    const { check } = newCheck({ allowMissing: true, source, rereads: false });
    await expect(check.check(BUNDLE, AT, new Map(), false)).resolves.toBeUndefined();
    const knowing = newCheck({ allowMissing: true, source, missing: [missing] });
    await expect(knowing.check.check(BUNDLE, AT, new Map(), false)).resolves.toBeUndefined();
  });
});

describe("chains", () => {
  it("are looked at once, and forgotten rather than kept in any number", () => {
    const names = Array.from({ length: 320 }, (_, i) => i.toString(16).padStart(64, "0"));
    const missing = names.map((fingerprint) => ({ fingerprint, entry: 0, problem: "is missing" }));
    const { check, issuers } = newCheck({ allowMissing: true, missing });
    const known = vi.spyOn(issuers, "known");
    const bundleOf = (first: number): Buffer =>
      Buffer.concat(
        Array.from({ length: 256 }, (_, i) => {
          const [a, b] = [Math.floor((first + i) / 320), (first + i) % 320];
          return entryWith({ fingerprint: names[a] ?? "" }, { fingerprint: names[b] ?? "" });
        }),
      );
    const look = (first: number): number => {
      known.mockClear();
      expect(check.check(bundleOf(first), { index: 0, width: 256 }, new Map(), false)).toBeUndefined();
      return known.mock.calls.length;
    };
    expect(look(0)).toBe(512);
    expect(look(0)).toBe(0);
    for (let first = 256; first < 100_352; first += 256) expect(look(first)).toBe(512);
    expect(look(100_096)).toBe(0);
    expect(look(0)).toBe(512);
  });
});

describe("the deep check", () => {
  it("waits for the issuers, then tells of all wrong entries of a bundle by the first", async () => {
    const context = memoryContext(objects, "static-ct");
    const { check } = newCheck({ deepCounters: context.counters });
    const right = entryOf(authorities, "certificate", 0);
    await check.check(right, { index: 0, width: 1 }, new Map(), false);
    expect(context.counters.get("deepEntries")).toBe(1);
    const checking = check.check(BUNDLE, { index: 0, width: 4 }, new Map(), false);
    await expect(checking).rejects.toThrow(/^entry 1 has the leaf_index of another entry.*; 2 more of its/);
    expect(context.counters.get("deepEntries")).toBe(1);
  });
});
