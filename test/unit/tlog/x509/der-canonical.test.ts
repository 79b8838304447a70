import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { encodeElement, TAG } from "../../../../lib/tlog/x509/der.ts";
import { normalizeDer, normalObjectIdentifier } from "../../../../lib/tlog/x509/der-canonical.ts";
import { mutated } from "../../../support/logs/bundles.ts";

/** One value in two encodings: the one that DER allows, and one that says the same. */
interface Encodings {
  readonly strict: Buffer;
  readonly lax: Buffer;
}

/** An element; where `zeros` is not 0, the lax encoding has a length with zeros that it need not have. */
function encodings(tag: readonly number[], strict: Buffer, lax: Buffer, zeros: number): Encodings {
  const length = Buffer.from(encodeElement(0, lax)).subarray(1, -lax.length || undefined);
  const octets = length.length === 1 ? length : length.subarray(1);
  const laxLength =
    zeros === 0 ? length : [0x80 | (octets.length + zeros), ...Array<number>(zeros).fill(0), ...octets];
  return {
    strict: Buffer.concat([Buffer.of(...tag), encodeElement(0, strict).subarray(1)]),
    lax: Buffer.concat([Buffer.of(...tag, ...laxLength), lax]),
  };
}

const zeros = fc.nat(2);
const contents = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));

const boolean = fc
  .tuple(fc.boolean(), fc.integer({ min: 1, max: 255 }), zeros)
  .map(([value, truth, lengthZeros]) =>
    encodings([TAG.BOOLEAN], Buffer.of(value ? 0xff : 0), Buffer.of(value ? truth : 0), lengthZeros),
  );

const integer = fc
  .tuple(
    fc.constantFrom(TAG.INTEGER, TAG.ENUMERATED),
    fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }),
    zeros,
    zeros,
  )
  .map(([tag, value, extra, lengthZeros]) => {
    const octets: number[] = [];
    let rest = value;
    do {
      octets.unshift(Number(BigInt.asUintN(8, rest)));
      rest >>= 8n;
    } while (rest !== (((octets[0] as number) & 0x80) === 0 ? 0n : -1n));
    const sign = Array<number>(extra).fill(value < 0n ? 0xff : 0);
    return encodings([tag], Buffer.from(octets), Buffer.from([...sign, ...octets]), lengthZeros);
  });

const objectIdentifier = fc
  .tuple(fc.array(fc.tuple(fc.nat(1 << 30), zeros), { minLength: 1, maxLength: 6 }), zeros)
  .map(([arcs, lengthZeros]) => {
    const encoded = arcs.map(([arc]) => {
      const octets = [arc & 0x7f];
      for (let rest = arc >> 7; rest > 0; rest >>= 7) octets.unshift(0x80 | (rest & 0x7f));
      return octets;
    });
    const laxer = encoded.map((octets, i) => [...Array<number>(arcs[i]?.[1] ?? 0).fill(0x80), ...octets]);
    return encodings(
      [TAG.OBJECT_IDENTIFIER],
      Buffer.from(encoded.flat()),
      Buffer.from(laxer.flat()),
      lengthZeros,
    );
  });

const bitString = fc
  .tuple(contents, fc.nat(7), fc.nat(255), zeros)
  .map(([bits, unused, padding, lengthZeros]) => {
    if (bits.length === 0) return encodings([TAG.BIT_STRING], Buffer.of(0), Buffer.of(0), lengthZeros);
    const mask = (1 << unused) - 1;
    const lax = Buffer.concat([Buffer.of(unused), bits]);
    const strict = Buffer.from(lax);
    strict[bits.length] = (bits.at(-1) as number) & ~mask;
    lax[bits.length] = (strict[bits.length] as number) | (padding & mask);
    return encodings([TAG.BIT_STRING], strict, lax, lengthZeros);
  });

const otherPrimitive = fc
  .tuple(
    fc.constantFrom([0x04], [0x0c], [0x13], [0x80], [0x82], [0x9f, 0x1f], [0x9f, 0x81, 0x00]),
    contents,
    zeros,
  )
  .map(([tag, content, lengthZeros]) => encodings(tag, content, content, lengthZeros));

const nothing = zeros.map((lengthZeros) =>
  encodings([TAG.NULL], Buffer.alloc(0), Buffer.alloc(0), lengthZeros),
);

const { anyDer } = fc.letrec<{ anyDer: Encodings; constructed: Encodings; set: Encodings }>((tie) => {
  const children = fc.array(tie("anyDer"), { maxLength: 4 });
  return {
    anyDer: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      fc.oneof(boolean, integer, objectIdentifier, bitString, otherPrimitive, nothing),
      tie("constructed"),
      tie("set"),
    ),
    constructed: fc
      .tuple(fc.constantFrom([0x30], [0xa0], [0xbf, 0x21]), children, zeros)
      .map(([tag, parts, lengthZeros]) =>
        encodings(
          tag,
          Buffer.concat(parts.map(({ strict }) => strict)),
          Buffer.concat(parts.map(({ lax }) => lax)),
          lengthZeros,
        ),
      ),
    // The lax one has its elements in the order in which they came.
    set: fc
      .tuple(children, zeros)
      .map(([parts, lengthZeros]) =>
        encodings(
          [TAG.SET],
          Buffer.concat(parts.map(({ strict }) => strict).sort(asPaddedWithZeros)),
          Buffer.concat(parts.map(({ lax }) => lax)),
          lengthZeros,
        ),
      ),
  };
});

/** The order of X.690 §11.6, in its words: the shorter one is padded with zeros at its end. */
function asPaddedWithZeros(a: Buffer, b: Buffer): number {
  const size = Math.max(a.length, b.length);
  return Buffer.compare(Buffer.concat([a], size), Buffer.concat([b], size));
}

describe("normalizeDer", () => {
  it("gives strict DER back as it is", () => {
    fc.assert(
      fc.property(anyDer, ({ strict }) => {
        expect(Buffer.from(normalizeDer(strict)).toString("hex")).toBe(strict.toString("hex"));
      }),
      { numRuns: 500 },
    );
  });

  it("gives the strict encoding of what a laxer one says", () => {
    fc.assert(
      fc.property(anyDer, ({ strict, lax }) => {
        expect(Buffer.from(normalizeDer(lax)).toString("hex")).toBe(strict.toString("hex"));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["lengths", "30820004 048101aa", "3003 0401aa"],
    ["TRUE", "010101", "0101ff"],
    ["integers", "02030000ff", "020200ff"],
    ["negative integers", "0203ffff80", "020180"],
    ["object identifiers", "0605 80551d8023", "0603 551d23"],
    ["padding of bit strings", "030206ff", "030206c0"],
    ["the order of a SET", "3106 020102 020101", "3106 020101 020102"],
    ["nothing in an OCTET STRING", "0403 010101", "0403 010101"],
    ["nothing below a tag of a kind of its own", "8103 010101", "8103 010101"],
    ["what is below a constructed tag of such a kind", "a103 010101", "a103 0101ff"],
  ])("encodes again: %s", (_, lax, strict) => {
    expect(Buffer.from(normalizeDer(fromHex(lax))).toString("hex")).toBe(fromHex(strict).toString("hex"));
  });

  it.each([
    ["0100", "BOOLEAN"],
    ["0102ffff", "BOOLEAN"],
    ["0200", "INTEGER"],
    ["0300", "BIT STRING"],
    ["030108", "BIT STRING"],
    ["030101", "BIT STRING"],
    ["0501aa", "NULL"],
    ["0600", "object identifier"],
    ["050000", "bytes after its end"],
    ["3002 0481", "cut off"],
  ])("refuses contents that a type cannot have: %s", (hex, problem) => {
    expect(() => normalizeDer(fromHex(hex))).toThrow(FormatError);
    expect(() => normalizeDer(fromHex(hex))).toThrow(problem);
  });

  it("refuses what is nested to exhaust the stack", () => {
    let nested: Uint8Array = Buffer.of(0x05, 0);
    for (let depth = 0; depth < 64; depth++) nested = encodeElement(0x30, nested);
    expect(normalizeDer(nested)).toHaveLength(nested.length);
    expect(() => normalizeDer(encodeElement(0x30, nested))).toThrow("is nested more than 64 deep");
  });

  it("throws nothing but FormatError, and gives strict DER for whatever it reads", () => {
    fc.assert(
      fc.property(anyDer, fc.infiniteStream(fc.nat()), ({ lax }, choices) => {
        let normal: Uint8Array;
        try {
          normal = normalizeDer(mutated(lax, choices));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
          return;
        }
        expect(Buffer.compare(normalizeDer(normal), normal)).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("normalObjectIdentifier", () => {
  it.each([
    ["551d23", "551d23"],
    ["80551d23", "551d23"],
    ["55808023", "5523"],
    ["818001", "818001"],
    ["8000", "00"],
  ])("takes the zeros from the beginning of each arc and from nowhere else: %s", (lax, strict) => {
    expect(Buffer.from(normalObjectIdentifier(fromHex(lax))).toString("hex")).toBe(strict);
  });

  it.each(["", "808180"])("refuses one that is cut off: '%s'", (hex) => {
    expect(() => normalObjectIdentifier(fromHex(hex))).toThrow("is cut off");
  });
});

function fromHex(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}
