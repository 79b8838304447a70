import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { DerElement, encodeElement, forEachElement } from "../../../../lib/tlog/x509/der.ts";

function element(hex: string, at = 0, limit?: number): DerElement {
  const bytes = Buffer.from(hex, "hex");
  const read = new DerElement();
  read.read(bytes, at, limit ?? bytes.length);
  return read;
}

describe("an element", () => {
  it.each([
    ["0500", { tag: 0x05, tagEnd: 1, contentStart: 2, end: 2, minimalLength: true }],
    ["0401aaff", { tag: 0x04, tagEnd: 1, contentStart: 2, end: 3, minimalLength: true }],
    [`308180${"00".repeat(128)}`, { tag: 0x30, tagEnd: 1, contentStart: 3, end: 131, minimalLength: true }],
    [`30820100${"00".repeat(256)}`, { tag: 0x30, tagEnd: 1, contentStart: 4, end: 260, minimalLength: true }],
    ["9f1f01aa", { tag: 0x9f, tagEnd: 2, contentStart: 3, end: 4, minimalLength: true }],
    ["bf8f7f00", { tag: 0xbf, tagEnd: 3, contentStart: 4, end: 4, minimalLength: true }],
  ])("is found: %s", (hex, expected) => {
    expect(element(hex)).toMatchObject({ start: 0, ...expected });
  });

  it.each([
    ["04810100", 3],
    [`0481${"7f".repeat(128)}`, 3],
    [`04820080${"00".repeat(128)}`, 4],
    ["0484000000020000", 6],
  ])("with a length that could be shorter is read, and told: %s", (hex, contentStart) => {
    expect(element(hex)).toMatchObject({ minimalLength: false, contentStart });
  });

  it.each([
    ["", "is cut off"],
    ["04", "is cut off"],
    ["0402aa", "runs over the end"],
    ["0481", "is cut off"],
    ["048201", "is cut off"],
    ["04ff", "is cut off"],
    [`0488${"ff".repeat(8)}aa`, "runs over the end"],
    ["30800000", "of indefinite length"],
    ["1f", "is cut off"],
    ["1f1e00", "has a tag that is longer than necessary"],
    ["1f801f00", "has a tag that is longer than necessary"],
    ["1fffffffffff7f00", "or too long"],
  ])("is refused if it is malformed: %s", (hex, problem) => {
    expect(() => element(hex)).toThrow(FormatError);
    expect(() => element(hex)).toThrow(problem);
  });

  it("may not end after what holds it, though there are bytes", () => {
    expect(() => element("04040000000000", 0, 5)).toThrow("runs over the end of what holds it");
    expect(() => element("0400", 0, 1)).toThrow("is cut off");
    expect(() => element("0481010000", 0, 2)).toThrow("is cut off");
  });

  it("must have the tag that is expected", () => {
    const read = new DerElement();
    expect(() => read.expect(Buffer.of(4, 0), 0, 2, 0x30, "issuer")).toThrow(
      "has something else where its issuer must be",
    );
  });

  it("is found again in what encodes it", () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 1 << 20).map((size) => new Uint8Array(size)),
    );
    fc.assert(
      fc.property(content, fc.constantFrom(0x04, 0x30, 0x81), (bytes, tag) => {
        const encoded = encodeElement(tag, bytes.subarray(0, 3), bytes.subarray(3));
        const read = new DerElement();
        read.read(encoded, 0, encoded.length);
        expect(read).toMatchObject({ tag, end: encoded.length, minimalLength: true });
        expect(Buffer.compare(encoded.subarray(read.contentStart), bytes)).toBe(0);
      }),
    );
  });

  it("never reaches over its limit, wherever it is read and whatever the bytes are", () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(bytes, fc.nat(40), fc.nat(40), (random, at, limit) => {
        fc.pre(limit <= random.length);
        const read = new DerElement();
        // What is beyond the limit must not matter.
        const cut = new DerElement();
        try {
          read.read(random, at, limit);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
          expect(() => cut.read(random.subarray(0, limit), at, limit)).toThrow(FormatError);
          return;
        }
        cut.read(random.subarray(0, limit), at, limit);
        expect(cut).toEqual(read);
        expect(at < read.tagEnd && read.tagEnd < read.contentStart).toBe(true);
        expect(read.contentStart <= read.end && read.end <= limit).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("forEachElement", () => {
  it("visits what stands side by side, and nothing if there is nothing", () => {
    const visited: number[] = [];
    const bytes = Buffer.from("0500040102010100", "hex");
    forEachElement(bytes, 0, 8, ({ start }) => visited.push(start));
    forEachElement(bytes, 8, 8, ({ start }) => visited.push(start));
    expect(visited).toEqual([0, 2, 5]);
  });

  it("refuses an element that is cut off by the end", () => {
    expect(() => forEachElement(Buffer.from("05000401ff", "hex"), 0, 4, () => {})).toThrow(FormatError);
  });
});
