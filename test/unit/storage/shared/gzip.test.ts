import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { declaredSize, gunzip } from "../../../../storage/shared/inflate.ts";

const PLAIN = Buffer.from("a tile of a log, more or less. ".repeat(300));
const GZIPPED = gzipSync(PLAIN);

describe("gunzip", () => {
  it("gives the bytes when they are exactly as many as allowed", () => {
    expect(gunzip(GZIPPED, PLAIN.length)).toEqual(PLAIN);
  });

  it.each([0, 1, 31, 63, 64, 65])("gives an object of %i bytes", (size) => {
    const plain = PLAIN.subarray(0, size);
    expect(Buffer.from(gunzip(gzipSync(plain), size) ?? "none")).toEqual(plain);
  });

  it("gives nothing when there is one byte more than allowed", () => {
    expect(gunzip(GZIPPED, PLAIN.length - 1)).toBeUndefined();
    expect(gunzip(gzipSync(Buffer.of(1)), 0)).toBeUndefined();
  });

  it("gives nothing of a bomb, and does not unfold it", () => {
    const mebibyte = gzipSync(Buffer.alloc(1 << 20));
    const bomb = Buffer.concat(Array.from({ length: 1024 }, () => mebibyte));
    const peakKibibytes = process.resourceUsage().maxRSS;
    expect(gunzip(bomb, 1 << 16)).toBeUndefined();
    expect(process.resourceUsage().maxRSS - peakKibibytes).toBeLessThan(1 << 16);
  });

  it("joins the members of an object that has several", () => {
    expect(gunzip(Buffer.concat([GZIPPED, GZIPPED]), 2 * PLAIN.length)).toEqual(
      Buffer.concat([PLAIN, PLAIN]),
    );
  });

  it.each([
    ["plain bytes", PLAIN],
    ["nothing at all", Buffer.alloc(0)],
    ["zlib's format", deflateSync(PLAIN)],
    ["the beginning of a header", GZIPPED.subarray(0, 5)],
    ["all but the last byte", GZIPPED.subarray(0, -1)],
    ["half of it", GZIPPED.subarray(0, GZIPPED.length / 2)],
    ["a wrong checksum", flipped(GZIPPED, GZIPPED.length - 8)],
    ["a wrong length", flipped(GZIPPED, GZIPPED.length - 4)],
    ["garbage after its end", Buffer.concat([GZIPPED, Buffer.from("x")])],
    ["a second header after its end", Buffer.concat([GZIPPED, GZIPPED.subarray(0, 10)])],
    ["zeros after its end", Buffer.concat([GZIPPED, Buffer.alloc(3)])],
  ])("refuses %s", (_what, bytes) => {
    expect(() => gunzip(bytes, 1 << 20)).toThrow(
      expect.objectContaining({ name: "FormatError", message: "is not gzip though it says so" }),
    );
  });
});

describe("declaredSize", () => {
  it("is the size that an honest trailer declares", () => {
    expect(declaredSize(GZIPPED, 1 << 20)).toBe(PLAIN.length);
  });

  it("never exceeds what is allowed", () => {
    expect(declaredSize(GZIPPED, 100)).toBe(100);
  });

  it("does not believe more than deflate can expand to", () => {
    const liar = Buffer.alloc(20, 0xff);
    expect(declaredSize(liar, 1 << 30)).toBeLessThan(1 << 15);
  });

  it("is nothing for bytes that have no trailer", () => {
    expect(declaredSize(Buffer.from("abc"), 100)).toBe(0);
  });
});

function flipped(bytes: Buffer, position: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(position) ^ 1, position);
  return copy;
}
