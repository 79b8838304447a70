/** Tiles of the old serverless layout: real ones, any that there can be, and what is not one. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { FULL_WIDTH } from "../../../../lib/tlog/layout.ts";
import { HASH_SIZE } from "../../../../lib/tlog/merkle.ts";
import { hashesOfTile, MAX_TILE_BYTES } from "../../../../storage/serverless/tile-text.ts";
import { tileText } from "../../../support/logs/serverless-log.ts";

/** `tile/00/0000/00/00/00.02` of the log of usbarmory/armory-drive-log. */
const ARMORY = `32
2
KvoY5jZIlLScjQlPBPGjM1U4I4uI6N57z5tD63CpFgo=
AqFMpKcxPYaKTmihsFbQvb758iSzJvvJBX5thVJ7r/k=
Qp4KBMuAEGmTlRBQ9WcZB9+smQbZWhvFbAnOFeMGImQ=
`;

/** `tile/00/0000/00/00/00.05` of the log of AlCutter/serverless-test. */
const FIVE = `32
5
/krDfPdBWBRrKrdK8DBodCj9xZY3xeGaZs3To2sp0+E=
MnGnBLkkEh66YNudc/mGasRAEF3lRWJEWGQjug3pTT4=
ycWD0Xb0jgtbC1nQ6Of7QWpFxlASqs3nQC0vmQ8mxcw=
KeQLt5yWb0xv6Wr/bzCs/OXz6NhMAiFRddbgGKXe6DM=
Xa/RR4kVQaZZiL5oa3epz0H4dgtdELmfCd3bpTyZVnA=
auv7e5r/AU1AgPGjuE7ZJ9tYu+Tt3HoyfiyqzaLz/rw=
Itwp3W0VElRnNpAikOP67tONolXZ3p6BMUrzwxUFDv4=

ueHWJhj3/ugDTkxQEPcnqyTY5HBcspbDdL8gJah6ENI=
`;

const hashOf = (node: string) => Buffer.from(node, "base64");

test("a real tile gives the hashes between which its other nodes are", () => {
  const [first = "", , second = ""] = ARMORY.split("\n").slice(2);
  expect(hashesOfTile(Buffer.from(ARMORY), 2)).toEqual(Buffer.concat([hashOf(first), hashOf(second)]));
  const nodes = FIVE.split("\n").slice(2);
  const hashes = [0, 2, 4, 6, 8].map((line) => hashOf(nodes[line] as string));
  expect(hashesOfTile(Buffer.from(FIVE), 5)).toEqual(Buffer.concat(hashes));
});

test("what tests make of hashes is what the real software made of them", () => {
  for (const [text, width] of [
    [ARMORY, 2],
    [FIVE, 5],
  ] as const) {
    expect(tileText(hashesOfTile(Buffer.from(text), width)).toString()).toBe(text);
  }
});

const tiles = fc
  .integer({ min: 1, max: FULL_WIDTH })
  .chain((width) => fc.uint8Array({ minLength: width * HASH_SIZE, maxLength: width * HASH_SIZE }));

test("a tile of any hashes gives them back, and a full one any number of its first", () => {
  fc.assert(
    fc.property(tiles, fc.integer({ min: 1, max: FULL_WIDTH }), (hashes, width) => {
      const text = tileText(hashes);
      expect(text.length).toBeLessThanOrEqual(MAX_TILE_BYTES);
      expect(hashesOfTile(text, hashes.length / HASH_SIZE).equals(hashes)).toBe(true);
      const full = Buffer.alloc(FULL_WIDTH * HASH_SIZE, hashes);
      expect(hashesOfTile(tileText(full), width).equals(full.subarray(0, width * HASH_SIZE))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test("a tile without its last newline, and one of which the nodes above are wrong, are read all the same", () => {
  const expected = hashesOfTile(Buffer.from(ARMORY), 2);
  expect(hashesOfTile(Buffer.from(ARMORY.trimEnd()), 2)).toEqual(expected);
  const [size, count, first, , second] = ARMORY.split("\n");
  expect(hashesOfTile(Buffer.from([size, count, first, "what?", second].join("\n")), 2)).toEqual(expected);
});

describe("what is not a tile is refused, and named in a line", () => {
  const HASH = ARMORY.split("\n")[2] as string;
  test.each([
    ["nothing", ""],
    ["the place that a link leads to", "/github/workspace/log/tile/00/0000/00/00/00"],
    ["a web page", "<!DOCTYPE html>\n<html>\n"],
    ["hashes of another size", ARMORY.replace("32", "31")],
    ["a size that is written otherwise", ARMORY.replace("32", "032")],
    ["no number of hashes", `32\n\n${HASH}\n`],
    ["no hashes", "32\n0\n"],
    ["a negative number", ARMORY.replace("\n2\n", "\n-2\n")],
    ["a number with a sign", ARMORY.replace("\n2\n", "\n+2\n")],
    ["a hexadecimal number", ARMORY.replace("\n2\n", "\n0x2\n")],
    ["a fraction", ARMORY.replace("\n2\n", "\n2.0\n")],
    ["more hashes than there are", ARMORY.replace("\n2\n", "\n256\n")],
    ["more hashes than a tile has", `32\n257\n${`${HASH}\n`.repeat(513)}`],
    ["a number beyond all bounds", ARMORY.replace("\n2\n", `\n${"9".repeat(400)}\n`)],
    ["fewer hashes than there are", ARMORY.replace("\n2\n", "\n1\n")],
    ["fewer hashes than its path says", `32\n1\n${HASH}\n`],
    ["more hashes than its path says", tileText(Buffer.alloc(3 * HASH_SIZE)).toString()],
    ["an empty line for a hash", `32\n2\n\n${HASH}\n${HASH}\n`],
    ["a hash without its padding", ARMORY.replace(HASH, HASH.slice(0, -1))],
    ["a hash of too many bytes", ARMORY.replace(HASH, `AAAA${HASH}`)],
    ["a hash of too few bytes", ARMORY.replace(HASH, HASH.slice(4))],
    [
      "a hash in another base64",
      ARMORY.replace(HASH, HASH.replace("/", "_").replace("+", "-").replace("K", "_")),
    ],
    ["carriage returns", ARMORY.replaceAll("\n", "\r\n")],
    ["an empty line more", `${ARMORY}\n`],
    ["a long line", `32\n2\n${"A".repeat(MAX_TILE_BYTES)}\n\n${HASH}\n`],
    ["a line of control characters", `32\n2\n\u001b[2J\u0007\n\n${HASH}\n`],
  ])("%s", (_, text) => {
    const read = () => hashesOfTile(Buffer.from(text), 2);
    expect(read).toThrow(FormatError);
    try {
      read();
    } catch (error) {
      const { message, expected = "", found = "" } = error as FormatError;
      for (const part of [message, expected, found]) {
        expect(part.length).toBeLessThan(200);
        expect(part).not.toMatch(/\p{Cc}/u);
      }
    }
  });

  test("any bytes are hashes of the right number, or a FormatError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 256 }), (bytes, width) => {
        try {
          expect(hashesOfTile(bytes, width).length).toBe(width * HASH_SIZE);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});
