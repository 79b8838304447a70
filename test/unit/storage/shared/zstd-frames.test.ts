/** Whether zstd is whole is seen without its decoder, which does not say so under each version of Node. */

import { randomBytes } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { expect, it } from "vitest";
import { areWholeFrames } from "../../../../storage/shared/zstd-frames.ts";

/** A frame with any of the fields that its header may have. */
const frames = fc
  .record({
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 0, max: 400_000 }).map((size) => Buffer.alloc(size, "entries of a bundle")),
      fc.integer({ min: 0, max: 300_000 }).map((size) => randomBytes(size)),
    ),
    checksum: fc.boolean(),
    contentSize: fc.boolean(),
  })
  .map(({ bytes, checksum, contentSize }) => {
    const params = {
      [constants.ZSTD_c_checksumFlag]: Number(checksum),
      [constants.ZSTD_c_contentSizeFlag]: Number(contentSize),
    };
    // Only where the decoder knows the size is it in the header.
    return zstdCompressSync(bytes, { params, ...(contentSize && { pledgedSrcSize: bytes.length }) });
  });

/** To be skipped: what follows its length is anybody's. */
const skippable = fc.uint8Array({ maxLength: 20 }).map((rest) => {
  const header = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  header.writeUInt32LE(rest.length, 4);
  return Buffer.concat([header, rest]);
});

const some = fc.array(fc.oneof({ weight: 3, arbitrary: frames }, skippable), { minLength: 1, maxLength: 3 });

it("frames are whole, whatever follows them that is none", () => {
  const others = fc.constantFrom(Buffer.of(), Buffer.of(0), Buffer.from("<!-- a page -->"));
  fc.assert(
    fc.property(some, others, (all, rest) => {
      expect(areWholeFrames(Buffer.concat([...all, rest]))).toBe(true);
    }),
    { numRuns: 100 },
  );
});

it("frames are not whole where the last is cut off, but for less than the beginning of one", () => {
  fc.assert(
    fc.property(some, fc.nat(), (all, choice) => {
      const last = all.at(-1) as Buffer;
      const cut = 4 + (choice % (last.length - 4));
      expect(areWholeFrames(Buffer.concat([...all.slice(0, -1), last.subarray(0, cut)]))).toBe(false);
    }),
    { numRuns: 200 },
  );
});

it.each([Buffer.of(), Buffer.from("abc"), Buffer.from("<!doctype html>")])("%j is none", (bytes) => {
  expect(areWholeFrames(bytes)).toBe(false);
});
