/** Encodings undone into lent memory: the bytes are the same, nobody else's are touched, and none are left to garbage collection. */

import { randomBytes } from "node:crypto";
import {
  brotliCompressSync,
  constants,
  crc32,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { ByteBudget } from "../../../../lib/migrate/read/byte-budget.ts";
import type { HttpSource } from "../../../../storage/http/source.ts";
import { type Coding, declaredSize, decode, decodeReserved } from "../../../../storage/shared/inflate.ts";
import { Lender } from "../../../support/http/lender.ts";
import { serve, sourceAt } from "../../../support/http/servers.ts";
import { flippedBit } from "../../../support/http/tampering.ts";

/** Of the size of a bundle of certificates. */
const BUNDLE = randomBytes(300_000);
const GZIPPED_BUNDLE = gzipSync(BUNDLE);

const gunzip = (gzipped: Buffer, maxBytes: number, lender?: Parameters<typeof decode>[3]) =>
  decode("gzip", gzipped, maxBytes, lender);

describe("gunzip into lent memory", () => {
  it("gives the bytes where the lender wants them, which is asked for no more than that", () => {
    for (const limit of [BUNDLE.length, BUNDLE.length + 1, 1 << 26]) {
      const lender = new Lender();
      const bytes = gunzip(GZIPPED_BUNDLE, limit, lender);
      expect(lender.lent.map((lent) => lent === bytes && lent.equals(BUNDLE))).toEqual([true]);
    }
  });

  it("keeps memory of its own where none is lent", () => {
    for (const lender of [undefined, {}]) {
      expect(BUNDLE.equals(gunzip(GZIPPED_BUNDLE, BUNDLE.length, lender) ?? Buffer.of())).toBe(true);
    }
  });

  it("leaves the lender's failure to the caller", () => {
    const lender = {
      allocate() {
        throw new Error("no memory");
      },
    };
    expect(() => gunzip(GZIPPED_BUNDLE, BUNDLE.length, lender)).toThrow("no memory");
  });

  it("holds no object twice that is larger than a buffer which is used again", () => {
    for (const [size, times] of [
      [1 << 20, 1],
      [(1 << 20) + 1, 0],
    ] as const) {
      const lender = new Lender();
      const plain = Buffer.alloc(size, "entries of a bundle, ");
      expect(gunzip(gzipSync(plain), size, lender)?.length).toBe(size);
      expect(lender.lent).toHaveLength(times);
    }
  });

  it.each([
    ["larger than allowed", GZIPPED_BUNDLE, BUNDLE.length - 1],
    ["cut off", GZIPPED_BUNDLE.subarray(0, -1), BUNDLE.length],
    ["followed by half of another", Buffer.concat([GZIPPED_BUNDLE, GZIPPED.subarray(0, 30)]), 1 << 20],
  ])("borrows nothing for an object that is %s", (_what, gzipped, limit) => {
    const lender = new Lender();
    expect(outcomeOf(() => gunzip(gzipped, limit, lender))).toEqual(outcomeOf(() => gunzip(gzipped, limit)));
    expect(lender.lent).toEqual([]);
  });

  it("leaves nothing behind: the memory of one object is free before the next", () => {
    const buffer = Buffer.alloc(BUNDLE.length);
    const decode = () => gunzip(GZIPPED_BUNDLE, BUNDLE.length, { allocate: () => buffer });
    decode();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 20; i++) {
      decode();
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(BUNDLE.length);
    }
  });

  it("frees no memory that others share", () => {
    const usual = Buffer.poolSize;
    onTestFinished(() => {
      Buffer.poolSize = usual;
    });
    // What is shared, and how large a buffer is cut out of it, is for every program to say.
    for (const poolSize of [usual, 1 << 17, 1 << 20]) {
      Buffer.poolSize = poolSize;
      const corners = [0, 64, poolSize / 2, poolSize, 2 * poolSize];
      for (const size of corners.flatMap((corner) => [-2, -1, 0, 1, 2].map((more) => corner + more))) {
        if (size < 0) continue;
        const plain = Buffer.alloc(size, BUNDLE);
        const gzipped = gzipSync(plain);
        const neighbours = [Buffer.from("before")];
        const found = gunzip(gzipped, size, new Lender());
        neighbours.push(Buffer.from("after"));
        expect(found && plain.equals(found)).toBe(true);
        expect(neighbours.map(String)).toEqual(["before", "after"]);
      }
    }
  });

  it("changes nothing else, whatever the object", () => {
    const limits = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -100_000, max: 100_000 }));
    fc.assert(
      fc.property(
        fc.array(anyMember, { minLength: 1, maxLength: 4 }),
        anyDamage,
        limits,
        (members, damage, more) => {
          const plain = Buffer.concat(members.map((member) => member.plain));
          const gzipped = damage(Buffer.concat(members.map((member) => member.gzipped)));
          const limit = Math.max(0, plain.length + more);
          const own = outcomeOf(() => gunzip(gzipped, limit));
          const lent = outcomeOf(() => gunzip(gzipped, limit, new Lender()));
          expect(lent).toEqual(own);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("gives whole members whatever is in their headers, up to the limit and not beyond it", () => {
    fc.assert(
      fc.property(fc.array(anyMember, { minLength: 1, maxLength: 4 }), (members) => {
        const plain = Buffer.concat(members.map((member) => member.plain));
        const gzipped = Buffer.concat(members.map((member) => member.gzipped));
        expect(plain.equals(gunzip(gzipped, plain.length, new Lender()) ?? randomBytes(1))).toBe(true);
        if (plain.length > 0) expect(gunzip(gzipped, plain.length - 1, new Lender())).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });
});

describe("a gzipped object read under a reservation", () => {
  it("lies in memory that serves the next one when the reservation ends", async () => {
    const { source, plain } = await serveBundles();
    const budget = new ByteBudget(1 << 24);
    const memory = new Set<ArrayBufferLike>();
    for (const [i, expected] of plain.entries()) {
      const reservation = budget.reserve();
      const bytes = await source.read(`tile/data/00${i}`, { maxBytes: 1 << 20, reservation });
      expect(bytes && expected.equals(bytes)).toBe(true);
      if (bytes !== undefined) memory.add(bytes.buffer);
      reservation.release();
    }
    // A buffer for either form of the object.
    expect(memory.size).toBeLessThanOrEqual(2);
    expect(budget.taken).toBe(0);
  });

  it("is nobody else's memory until the reservation ends", async () => {
    const { source, plain } = await serveBundles();
    const budget = new ByteBudget(1 << 24);
    // The second round finds the memory of the first.
    for (let round = 0; round < 2; round++) {
      const reads = plain.map(async (_, i) => {
        const reservation = budget.reserve();
        const bytes = await source.read(`tile/data/00${i}`, { maxBytes: 1 << 20, reservation });
        return { bytes, reservation };
      });
      const held = await Promise.all(reads);
      expect(held.map(({ bytes }, i) => bytes && plain[i]?.equals(bytes))).toEqual(plain.map(() => true));
      for (const { reservation } of held) reservation.release();
    }
    expect(budget.taken).toBe(0);
  });
});

/** A server of gzipped bundles of one size, and what is in them. */
async function serveBundles(): Promise<{ source: HttpSource; plain: Buffer[] }> {
  const plain = [0, 1, 2, 3, 4, 5].map(() => randomBytes(BUNDLE.length));
  const gzipped = plain.map((bundle) => gzipSync(bundle));
  const url = await serve((request, response) => {
    const body = gzipped[Number(request.url?.at(-1))] ?? Buffer.of();
    response.writeHead(200, { "content-encoding": "gzip", "content-length": body.length }).end(body);
  });
  return { source: sourceAt(url), plain };
}

interface Member {
  readonly plain: Buffer;
  readonly gzipped: Buffer;
}

/** A gzip member with any of the fields that RFC 1952 gives a header. */
const anyMember: fc.Arbitrary<Member> = fc
  .record({
    plain: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 300 }))
        .map(([piece, times]) => Buffer.concat(Array.from({ length: times }, () => piece))),
    ),
    level: fc.integer({ min: 0, max: 9 }),
    extra: fc.option(fc.uint8Array({ maxLength: 30 })),
    name: fc.option(fc.uint8Array({ maxLength: 30 })),
    comment: fc.option(fc.uint8Array({ maxLength: 30 })),
    hasHeaderChecksum: fc.boolean(),
  })
  .map(({ plain, level, extra, name, comment, hasHeaderChecksum }) => {
    const flags =
      (hasHeaderChecksum ? 2 : 0) |
      (extra === null ? 0 : 4) |
      (name === null ? 0 : 8) |
      (comment === null ? 0 : 16);
    const header = Buffer.concat([
      Buffer.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255),
      ...(extra === null ? [] : [Buffer.of(extra.length, 0), extra]),
      ...[name, comment].filter((text) => text !== null).map(zeroTerminated),
    ]);
    const headerChecksum = Buffer.alloc(hasHeaderChecksum ? 2 : 0);
    if (hasHeaderChecksum) headerChecksum.writeUInt16LE(crc32(header) & 0xffff);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(crc32(plain));
    trailer.writeUInt32LE(plain.length, 4);
    const gzipped = Buffer.concat([header, headerChecksum, deflateRawSync(plain, { level }), trailer]);
    return { plain: Buffer.from(plain), gzipped };
  });

/** What may become of an object on its way: nothing, or a change of a byte, of its end, or of its length. */
const anyDamage: fc.Arbitrary<(bytes: Buffer) => Buffer> = fc.oneof(
  fc.constant((bytes: Buffer) => bytes),
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(([choice, difference]) => (bytes: Buffer) => {
    const at = choice % bytes.length;
    bytes[at] = (bytes[at] as number) ^ difference;
    return bytes;
  }),
  fc.nat().map((choice) => (bytes: Buffer) => bytes.subarray(0, choice % bytes.length)),
  fc
    .uint8Array({ minLength: 1, maxLength: 20 })
    .map((rest) => (bytes: Buffer) => Buffer.concat([bytes, rest])),
  fc
    .integer({ min: 1, max: 20 })
    .map((count) => (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(count)])),
);

function zeroTerminated(text: Uint8Array): Buffer {
  return Buffer.concat([text.filter((byte) => byte !== 0), Buffer.of(0)]);
}

/** What a call comes to, for comparison: the bytes, nothing, or a refusal with all that it says. */
function outcomeOf(call: () => Uint8Array | undefined): unknown {
  try {
    const bytes = call();
    return bytes && Buffer.from(bytes).toString("hex");
  } catch (error) {
    return error;
  }
}

const PLAIN = Buffer.from("a tile of a log, more or less. ".repeat(300));
const GZIPPED = gzipSync(PLAIN);

describe("gunzip", () => {
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

  it.each([
    ["plain bytes", PLAIN],
    ["nothing at all", Buffer.alloc(0)],
    ["zlib's format", deflateSync(PLAIN)],
    ["the beginning of a header", GZIPPED.subarray(0, 5)],
    ["all but the last byte", GZIPPED.subarray(0, -1)],
    ["half of it", GZIPPED.subarray(0, GZIPPED.length / 2)],
    ["a wrong checksum", flippedBit(GZIPPED, GZIPPED.length - 8)],
    ["a wrong length", flippedBit(GZIPPED, GZIPPED.length - 4)],
    ["a second header after its end", Buffer.concat([GZIPPED, GZIPPED.subarray(0, 10)])],
    ["a second member that is cut off", Buffer.concat([GZIPPED, GZIPPED.subarray(0, -1)])],
    ["bytes after a wrong checksum", Buffer.concat([flippedBit(GZIPPED, GZIPPED.length - 8), PLAIN])],
    ["bytes after more members than anybody makes", Buffer.concat([...Array(65).fill(GZIPPED), PLAIN])],
  ])("refuses %s", (_what, bytes) => {
    expect(() => gunzip(bytes, 1 << 20)).toThrow(
      expect.objectContaining({ name: "FormatError", message: "is not gzip, although it says so" }),
    );
  });
});

describe("bytes behind the end of gzip", () => {
  it("are ignored, whatever they are and however many members there are", () => {
    const others = fc
      .uint8Array({ minLength: 1, maxLength: 60 })
      .filter(([first, second]) => first !== 0x1f || second !== 0x8b);
    fc.assert(
      fc.property(fc.array(anyMember, { minLength: 1, maxLength: 4 }), others, (members, rest) => {
        const plain = Buffer.concat(members.map((member) => member.plain));
        const gzipped = Buffer.concat([...members.map((member) => member.gzipped), rest]);
        expect(plain.equals(gunzip(gzipped, plain.length, new Lender()) ?? randomBytes(1))).toBe(true);
        if (plain.length > 0) expect(gunzip(gzipped, plain.length - 1)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it("cost no more than a bound where they are gzip all over", () => {
    const bomb = Buffer.concat([...Array(60).fill(gzipSync(Buffer.alloc(1 << 20))), Buffer.from("x")]);
    expect(gunzip(bomb, 1 << 16)).toBeUndefined();
    expect(() => gunzip(Buffer.concat([...Array(200_000).fill(gzipSync("")), PLAIN]), 1 << 16)).toThrow(
      "is not gzip, although it says so",
    );
  });
});

const CODINGS: readonly (readonly [Coding, (bytes: Buffer) => Buffer])[] = [
  ["gzip", gzipSync],
  ["br", (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })],
  ["zstd", zstdCompressSync],
];

describe.each(CODINGS)("%s", (coding, encode) => {
  const decode = (encoded: Buffer, maxBytes: number, reservation = new Lender()) =>
    decodeReserved(coding, encoded, { maxBytes, reservation });

  it.each([0, 1, 255, 8192, 300_000, (1 << 20) + 1])("of %i bytes gives them back", async (size) => {
    const plain = size < BUNDLE.length ? BUNDLE.subarray(0, size) : Buffer.alloc(size, "entries, ");
    for (const maxBytes of [size, size + 1, 1 << 24]) {
      expect(plain.equals(await decode(encode(plain), maxBytes))).toBe(true);
    }
  });

  it("is taken with bytes behind its end", async () => {
    for (const rest of [Buffer.alloc(9), Buffer.from("<!-- cached -->")]) {
      const encoded = Buffer.concat([encode(PLAIN), rest]);
      expect(PLAIN.equals(await decode(encoded, 1 << 20))).toBe(true);
    }
  });

  it.each([
    ["nothing", () => Buffer.of()],
    ["cut off", () => encode(BUNDLE).subarray(0, -1)],
    ["half of it", () => encode(BUNDLE).subarray(0, 150_000)],
    ["a web page", () => Buffer.from("<!doctype html><title>Not here</title>")],
  ])("is refused when it is %s", async (_what, bytes) => {
    const message = `is not ${coding}, although it says so`;
    await expect(decode(bytes(), 1 << 20)).rejects.toMatchObject({ name: "FormatError", message });
  });

  it("is not unfolded beyond what is allowed, and no more is reserved", async () => {
    const bomb = encode(Buffer.alloc(1 << 27));
    const reservation = new Lender();
    const peakKibibytes = process.resourceUsage().maxRSS;
    await expect(decode(bomb, 1 << 16, reservation)).rejects.toMatchObject({
      name: "FormatError",
      message: "is larger than an object of its kind can be",
    });
    expect(Math.max(...reservation.amounts)).toBe(bomb.length + (1 << 16));
    expect(process.resourceUsage().maxRSS - peakKibibytes).toBeLessThan(1 << 16);
  });
});

it("zstd that looks back further than HTTP allows is refused: it asks for memory that nobody has reserved", async () => {
  const params = { [constants.ZSTD_c_windowLog]: 24 };
  const encoded = zstdCompressSync(Buffer.alloc(1 << 25), { params });
  await expect(decodeReserved("zstd", encoded, { maxBytes: 1 << 26 })).rejects.toMatchObject({
    message: "is not zstd, although it says so",
    found: expect.stringContaining("too much memory"),
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
