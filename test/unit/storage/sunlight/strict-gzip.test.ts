import { deflateRawSync, gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decodeStrictly, encode } from "../../../../storage/sunlight/strict-gzip.ts";

const BYTES = Buffer.from("a data tile ".repeat(1000));
const GZIP = gzipSync(BYTES, { level: 1 });

/** A member whose header has a name, in which anything could be. */
function named(): Buffer {
  const header = Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]);
  return Buffer.concat([header, Buffer.from("anything\0"), deflateRawSync(BYTES), GZIP.subarray(-8)]);
}

describe("gzip of a source", () => {
  test("is stored as it is", () => {
    expect(encode(BYTES, GZIP)).toBe(GZIP);
    expect(decodeStrictly(GZIP, BYTES.length)).toEqual(BYTES);
  });

  const damaged = Buffer.from(GZIP);
  damaged.writeUInt32LE(0, damaged.length - 8);
  test.each<[string, Buffer]>([
    ["of other bytes", gzipSync(BYTES.subarray(1))],
    ["of more bytes", gzipSync(Buffer.concat([BYTES, BYTES]))],
    ["with bytes behind it", Buffer.concat([GZIP, Buffer.from("anything")])],
    ["with zeros behind it", Buffer.concat([GZIP, Buffer.alloc(9)])],
    ["with an empty member behind it", Buffer.concat([GZIP, gzipSync("")])],
    ["in two members", Buffer.concat([gzipSync(BYTES.subarray(0, 9)), gzipSync(BYTES.subarray(9))])],
    ["with a name", named()],
    ["that is cut off", GZIP.subarray(0, -1)],
    ["that is damaged", damaged],
    ["that it is not", BYTES],
    ["of nothing", Buffer.alloc(0)],
  ])("%s is compressed again", (_, published) => {
    const stored = encode(BYTES, published);
    expect(stored).not.toBe(published);
    expect(gunzipSync(stored)).toEqual(BYTES);
    expect(decodeStrictly(stored, BYTES.length)).toEqual(BYTES);
  });

  test("of more than is looked for is not decoded", () => {
    expect(decodeStrictly(GZIP, BYTES.length - 1)).toBeUndefined();
  });
});
