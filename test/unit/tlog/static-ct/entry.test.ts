import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forEachStaticCtEntry } from "../../../../lib/tlog/bundle.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { hashBundle } from "../../../../lib/tlog/hasher/hasher.ts";
import { leafIndexOf, StaticCtEntry } from "../../../../lib/tlog/static-ct/entry.ts";
import {
  ENTRY_KINDS,
  entryParts,
  leafIndexExtension,
  staticCtEntry,
  testAuthorities,
} from "../../../support/logs/certificates.ts";

const AUTHORITIES = testAuthorities("static-ct-entry");

// LeafData and MerkleLeafHash of two entries by github.com/transparency-dev/tessera v1.0.4, ctonly, cut where
// the leaf ends: a certificate at index 0 with a chain of two, a precertificate at index 1 with a chain of one.
const CERTIFICATE = {
  leaf: "0000019b76daa87b000000000d612063657274696669636174650008" + "0000050000000000",
  rest: `0040${"aa".repeat(32)}${"bb".repeat(32)}`,
  leafHash: "5b1284030d51edaba02e9b84022300775d08b3ce328d2a0e59271afed18d1fe9",
};
const PRECERTIFICATE = {
  leaf: `0000019b76daa9c80001${"cc".repeat(32)}00001061205442534365727469666963617465${"0008" + "0000050000000001"}`,
  rest: `00001f746865207072656365727469666963617465206173207375626d69747465640020${"aa".repeat(32)}`,
  leafHash: "d593769da456cebb44133bccb19a1c9bbc1a934f8bd908e781f3127905d0281a",
};

describe("entries of Static CT data tiles", () => {
  it("hash as Tessera's ctonly hashes them", () => {
    const bundle = fromHex(
      [CERTIFICATE.leaf, CERTIFICATE.rest, PRECERTIFICATE.leaf, PRECERTIFICATE.rest].join(""),
    );
    const { leafHashes } = hashBundle("static-ct", bundle, 2);
    expect(Buffer.from(leafHashes).toString("hex")).toBe(CERTIFICATE.leafHash + PRECERTIFICATE.leafHash);
  });

  it.each([
    ["certificate", CERTIFICATE],
    ["precertificate", PRECERTIFICATE],
  ])("a %s's leaf ends after its extensions, the entry after its chain", (_, { leaf, rest }) => {
    const entry = new StaticCtEntry();
    entry.read(fromHex(`ffff${leaf}${rest}ffff`), 2);
    const leafEnd = 2 + leaf.length / 2;
    expect(entry).toMatchObject({ leafStart: 2, leafEnd, entryEnd: leafEnd + rest.length / 2 });
  });

  it("are refused where their type is neither certificate nor precertificate", () => {
    const unknown = fromHex(CERTIFICATE.leaf.replace("87b0000", "87b0002") + CERTIFICATE.rest);
    expect(() => hashBundle("static-ct", unknown, 1)).toThrow(FormatError);
    expect(() => hashBundle("static-ct", unknown, 1)).toThrow("entry 0 of the bundle is of an unknown type");
  });

  it("are refused where a chain is not made of whole fingerprints", () => {
    const bundle = fromHex(`${CERTIFICATE.leaf}001f${"aa".repeat(31)}`);
    expect(() => hashBundle("static-ct", bundle, 1)).toThrow("is not made of fingerprints");
  });

  it("are taken without a chain", () => {
    expect(() => hashBundle("static-ct", fromHex(`${CERTIFICATE.leaf}0000`), 1)).not.toThrow();
  });

  it.each([
    [9, "entry type"],
    [12, "certificate"],
    [20, "certificate"],
    [27, "extensions"],
    [30, "extensions"],
    [36, "certificate chain"],
    [100, "certificate chain"],
  ])("cut off after %i bytes, are refused by the name of the field that is cut: %s", (length, field) => {
    const bundle = fromHex(CERTIFICATE.leaf + CERTIFICATE.rest).subarray(0, length);
    expect(() => hashBundle("static-ct", bundle, 1)).toThrow(`over the end of the bundle in its ${field}`);
  });
});

describe("StaticCtEntry", () => {
  it.each(ENTRY_KINDS)("finds every part of an entry wherever it is: %s", (kind) => {
    const parts = entryParts(AUTHORITIES, kind, 7);
    const before = staticCtEntry(entryParts(AUTHORITIES, "precertificate", 6));
    const bundle = Buffer.concat([before, staticCtEntry(parts), before]);
    const entry = new StaticCtEntry();
    // One object serves for all entries: nothing of the entry before may be left in it.
    entry.read(bundle, 0);
    entry.read(bundle, before.length);
    const between = (start: number, end: number) => bundle.subarray(start, end).toString("hex");
    expect(entry.isPrecertificate).toBe(parts.submitted !== undefined);
    expect(between(entry.signedStart, entry.signedEnd)).toBe(parts.signed.toString("hex"));
    expect(between(entry.extensionsStart, entry.leafEnd)).toBe(parts.extensions.toString("hex"));
    expect(between(entry.precertificateStart, entry.precertificateEnd)).toBe(
      parts.submitted?.precertificate.toString("hex") ?? "",
    );
    expect(between(entry.chainStart, entry.entryEnd)).toBe(
      parts.chain.map(({ fingerprint }) => fingerprint).join(""),
    );
    expect({ start: entry.leafStart, end: entry.entryEnd }).toEqual({
      start: before.length,
      end: bundle.length - before.length,
    });
    const hashStart = entry.issuerKeyHashStart;
    if (parts.submitted === undefined) expect(hashStart).toBe(-1);
    else expect(between(hashStart, hashStart + 32)).toBe(parts.submitted.issuerKeyHash.toString("hex"));
  });
});

describe("forEachStaticCtEntry", () => {
  it("reports a chain as new unless it equals that of the entry before", () => {
    const { root, intermediate, signer } = AUTHORITIES;
    const a = [intermediate, root];
    const b = [signer, root];
    const chains = [[], [], a, a, a, b, b, a, [intermediate], [], [root], [root], a];
    const bundle = Buffer.concat(
      chains.map((chain, i) => staticCtEntry({ ...entryParts(AUTHORITIES, "certificate", i), chain })),
    );
    const seen: { position: number; chain: string }[] = [];
    forEachStaticCtEntry(bundle, chains.length, ({ chainStart, entryEnd }, position, hasNewChain) => {
      if (hasNewChain) seen.push({ position, chain: bundle.toString("hex", chainStart, entryEnd) });
    });
    expect(seen).toEqual(
      [0, 2, 5, 7, 8, 9, 10, 12].map((position) => {
        const chain = chains[position] ?? [];
        return { position, chain: chain.map(({ fingerprint }) => fingerprint).join("") };
      }),
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

function fromHex(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}
