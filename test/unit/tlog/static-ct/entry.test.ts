import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EntrySpan } from "../../../../lib/tlog/entry.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { leafIndexOf, StaticCtEntry } from "../../../../lib/tlog/static-ct/entry.ts";
import { STATIC_CT_ENTRIES } from "../../../../lib/tlog/static-ct/layout.ts";
import { mutated } from "../../../support/logs/bundles.ts";
import {
  ENTRY_KINDS,
  entryParts,
  leafIndexExtension,
  staticCtEntry,
  testAuthorities,
} from "../../../support/logs/certificates.ts";

const AUTHORITIES = testAuthorities("static-ct-entry");

function spanAt(bundle: Buffer, offset: number): EntrySpan {
  const span: EntrySpan = { leafStart: 0, leafEnd: 0, entryEnd: 0 };
  STATIC_CT_ENTRIES.readEntry(bundle, offset, span);
  return span;
}

describe("StaticCtEntry", () => {
  it.each(ENTRY_KINDS)("finds every part of an entry wherever it stands: %s", (kind) => {
    const parts = entryParts(AUTHORITIES, kind, 7);
    const before = staticCtEntry(entryParts(AUTHORITIES, "precertificate", 6));
    const bundle = Buffer.concat([before, staticCtEntry(parts), before]);
    const span = spanAt(bundle, before.length);
    const entry = new StaticCtEntry();
    // One object serves for all entries: nothing of the entry before may be left in it.
    entry.read(bundle, spanAt(bundle, 0));
    entry.read(bundle, span);
    const between = (start: number, end: number) => bundle.subarray(start, end).toString("hex");
    expect(entry.timestamp(bundle)).toBe(BigInt(parts.timestamp));
    expect(entry.isPrecertificate).toBe(parts.submitted !== undefined);
    expect(between(entry.signedStart, entry.signedEnd)).toBe(parts.signed.toString("hex"));
    expect(between(entry.extensionsStart, entry.extensionsEnd)).toBe(parts.extensions.toString("hex"));
    expect(between(entry.precertificateStart, entry.precertificateEnd)).toBe(
      parts.submitted?.precertificate.toString("hex") ?? "",
    );
    expect(between(entry.chainStart, entry.chainEnd)).toBe(
      parts.chain.map(({ fingerprint }) => fingerprint).join(""),
    );
    expect({ start: entry.start, end: entry.end }).toEqual({ start: span.leafStart, end: span.entryEnd });
    const hashStart = entry.issuerKeyHashStart;
    if (parts.submitted === undefined) expect(hashStart).toBe(-1);
    else expect(between(hashStart, hashStart + 32)).toBe(parts.submitted.issuerKeyHash.toString("hex"));
  });

  it("tells timestamps that are no safe integers", () => {
    const bundle = staticCtEntry(entryParts(AUTHORITIES, "root", 0));
    bundle.fill(0xff, 0, 8);
    const entry = new StaticCtEntry();
    entry.read(bundle, spanAt(bundle, 0));
    expect(entry.timestamp(bundle)).toBe(2n ** 64n - 1n);
  });

  it("reads what the splitting of bundles accepts, and refuses any other span", () => {
    const bundle = staticCtEntry(entryParts(AUTHORITIES, "precertificate", 1));
    const span = spanAt(bundle, 0);
    const change = fc.constantFrom<keyof EntrySpan>("leafStart", "leafEnd", "entryEnd");
    fc.assert(
      fc.property(change, fc.integer({ min: -2000, max: 2000 }), (key, difference) => {
        fc.pre(difference !== 0);
        const read = () => new StaticCtEntry().read(bundle, { ...span, [key]: span[key] + difference });
        expect(read).toThrow(FormatError);
      }),
      { numRuns: 1000 },
    );
    // What is not there reads as zeros, and zeros would make an entry.
    const beyond = { leafStart: 0, leafEnd: 15, entryEnd: 17 };
    expect(() => new StaticCtEntry().read(Buffer.alloc(17), beyond)).not.toThrow();
    for (let length = 0; length < 17; length++) {
      expect(() => new StaticCtEntry().read(Buffer.alloc(length), beyond)).toThrow(FormatError);
    }
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (choices) => {
        const changed = mutated(bundle, choices);
        const changedSpan = attempt(() => spanAt(changed, 0));
        fc.pre(changedSpan !== undefined);
        expect(() => new StaticCtEntry().read(changed, changedSpan)).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });
});

describe("leafIndexOf", () => {
  it.each([
    ["no extensions", "", undefined],
    ["a leaf_index alone", "000005 0000000007", 7],
    ["the largest index", "000005 ffffffffff", 2 ** 40 - 1],
    ["high bits", "000005 0123456789", 0x0123456789],
    ["an unknown type before it", "070002 aabb 000005 0000000001", 1],
    ["an unknown type after it", "000005 0000000001 ff0000", 1],
    ["unknown types alone", "010000 020001 00", undefined],
  ])("is found among %s", (_, hex, index) => {
    expect(leafIndexOf(fromHex(hex))).toBe(index);
  });

  it.each([
    ["a type without a length", "00", "cut off"],
    ["half a length", "0000", "cut off"],
    ["data that is cut off", "000005 00000000", "cut off"],
    ["a byte too many", "000005 0000000001 00", "cut off"],
    ["a leaf_index of four bytes", "000004 00000001", "wrong length"],
    ["a leaf_index of six bytes", "000006 000000000001", "wrong length"],
    ["an empty leaf_index", "000000", "wrong length"],
    ["two of them", "000005 0000000001 000005 0000000001", "two extensions of type 0"],
    ["two of another type", "090000 090001 aa", "two extensions of type 9"],
  ])("is refused for %s", (_, hex, problem) => {
    expect(() => leafIndexOf(fromHex(hex))).toThrow(FormatError);
    expect(() => leafIndexOf(fromHex(hex))).toThrow(problem);
  });

  it("is found whatever stands beside it, in any order", () => {
    const other = fc.tuple(fc.integer({ min: 1, max: 255 }), fc.uint8Array({ maxLength: 300 }));
    const others = fc.uniqueArray(other, { selector: ([type]) => type, maxLength: 10 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 - 1 }), others, fc.nat(), (index, list, place) => {
        const extensions: Buffer[] = list.map(([type, data]) =>
          Buffer.concat([Buffer.of(type, data.length >> 8, data.length & 0xff), data]),
        );
        const at = place % (list.length + 1);
        expect(leafIndexOf(Buffer.concat(extensions.toSpliced(at, 0, leafIndexExtension(index))))).toBe(
          index,
        );
        expect(leafIndexOf(Buffer.concat(extensions))).toBeUndefined();
      }),
    );
  });
});

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function fromHex(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}
