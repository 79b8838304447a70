/** Zips that lie: each is refused with the one thing that is wrong with it, and takes no memory for what it claims. */

import fs from "node:fs";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { formatCount } from "../../../../lib/tlog/quantities.ts";
import { ArchiveSource } from "../../../../storage/archive/source.ts";
import { Lender } from "../../../support/http/lender.ts";
import { outcomeOf } from "../../../support/http/reads.ts";
import { flippedBit } from "../../../support/http/tampering.ts";
import { writeMembers } from "../../../support/places/archive.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";
import { writeZip, type ZipEnd, type ZipMemberSpec } from "../../../support/places/zip.ts";

const BYTES = Buffer.from("the entries of a log, more or less. ".repeat(30));
const PATH = "tile/data/000";

/** An honest member, but for what is said of it. */
function lying(lies: Partial<ZipMemberSpec> = {}): ZipMemberSpec {
  return { name: PATH, bytes: BYTES, deflated: true, ...lies };
}

function archiveOf(members: Iterable<ZipMemberSpec>, end?: ZipEnd): ArchiveSource {
  const directory = memoryDirectory();
  writeMembers(directory, 0, members, end);
  return open(directory);
}

/** The bytes of a zip with these members. */
function zipOf(...members: readonly ZipMemberSpec[]): Buffer {
  const directory = memoryDirectory();
  writeMembers(directory, 0, members);
  return fs.readFileSync(join(directory, "000.zip"));
}

function archiveWith(zip: Uint8Array): ArchiveSource {
  const directory = memoryDirectory();
  fs.writeFileSync(join(directory, "000.zip"), zip);
  return open(directory);
}

function open(directory: string): ArchiveSource {
  const source = new ArchiveSource(directory);
  onTestFinished(() => source.close());
  return source;
}

/** What a read of `PATH` is refused with, as a person reads it; and how much memory it asked for before. */
async function refusal(source: ArchiveSource, path = PATH): Promise<{ line: string; asked: number }> {
  const lender = new Lender();
  const outcome = await outcomeOf(source.read(path, { maxBytes: 1 << 16, reservation: lender }));
  if (!(outcome instanceof FormatError)) throw new Error(`was not refused: ${outcome}`);
  const { message, expected, found } = outcome;
  return { line: [message, expected ?? "-", found ?? "-"].join(" | "), asked: lender.mostAsked };
}

describe("a member that is not what its zip says", () => {
  const deflated = deflateRawSync(BYTES);
  const sum = (bytes: Uint8Array): string => crc32(bytes).toString(16).padStart(8, "0");

  const CHECKSUM = `does not have the CRC-32 that 000.zip says | 00000abc | ${sum(BYTES)}`;
  const LENGTH = "is not as long as 000.zip says";
  const DEFLATE = "is not Deflate though 000.zip says so";
  const SIZE = BYTES.length;

  it.each<[string, Partial<ZipMemberSpec>, string]>([
    ["another checksum", { crc32: 0xabc }, CHECKSUM],
    ["another checksum, stored as it is", { deflated: false, crc32: 0xabc }, CHECKSUM],
    [
      "more bytes than declared",
      { size: SIZE - 1 },
      `${LENGTH} | ${formatCount(SIZE - 1)} bytes | more bytes`,
    ],
    [
      "fewer bytes than declared",
      { size: SIZE + 1 },
      `${LENGTH} | ${formatCount(SIZE + 1)} bytes | ${formatCount(SIZE)} bytes`,
    ],
    [
      "more bytes after its end",
      { stored: Buffer.concat([deflated, Buffer.of(0)]) },
      `${DEFLATE} | nothing after its end | more bytes`,
    ],
    ["no end", { stored: deflated.subarray(0, -1) }, `${DEFLATE} | - | unexpected end of file`],
    ["no Deflate", { stored: Buffer.alloc(40, 0xff) }, `${DEFLATE} | - | invalid block type`],
    ["a header of another name", { ownName: "tile/data/001" }, "is not where 000.zip says | byte 0 | -"],
    ["nothing where it should be", { offset: 1 }, "is not where 000.zip says | byte 1 | -"],
  ])("%s", async (_what, lies, expected) => {
    expect((await refusal(archiveOf([lying(lies)]))).line).toBe(expected);
  });

  it("no header of a member where one should be", async () => {
    const zip = zipOf(lying());
    zip.write("PK\x01\x02", 0, "latin1");
    expect((await refusal(archiveWith(zip))).line).toBe("is not where 000.zip says | byte 0 | -");
  });

  it("a header whose extra fields reach beyond the end of the zip", async () => {
    const zip = zipOf(lying({ ownExtra: Buffer.alloc(40) }));
    zip.writeUInt16LE(0xffff, 28);
    expect((await refusal(archiveWith(zip))).line).toBe("is cut off: 000.zip ends before it | - | -");
  });
});

describe("sizes that cannot be true take no memory", () => {
  const HUGE = `cannot be read: 000.zip has a member larger than any object of a log, ${PATH} | -`;

  it.each<[string, Partial<ZipMemberSpec>, string]>([
    [
      "more than an object may have",
      { size: (1 << 16) + 1 },
      `is larger in 000.zip than an object of its kind can be | at most ${formatCount(1 << 16)} bytes | ${formatCount((1 << 16) + 1)} bytes`,
    ],
    [
      "more than Deflate can give",
      { size: 1 << 16, stored: Buffer.from([3, 0]) },
      `cannot have the sizes that 000.zip says | - | ${formatCount(1 << 16)} bytes, compressed to 2`,
    ],
    [
      "more compressed than Deflate makes of it",
      { stored: Buffer.alloc(10_000) },
      `cannot have the sizes that 000.zip says | - | ${formatCount(BYTES.length)} bytes, compressed to 10,000`,
    ],
    ["more than four gigabytes", { size: 2 ** 32, zip64: true }, `${HUGE} | ${formatCount(2 ** 32)} bytes`],
    [
      "more than a number can count",
      { size: 2 ** 60, compressedSize: 2 ** 61, zip64: true },
      `${HUGE} | ${formatCount(2 ** 60)} bytes`,
    ],
  ])("%s", async (_what, lies, expected) => {
    expect(await refusal(archiveOf([lying(lies)]))).toEqual({ line: expected, asked: 0 });
  });

  it("a bomb gives no more than was declared", async () => {
    const bomb = { stored: deflateRawSync(Buffer.alloc(1 << 28)), size: 1 << 18 };
    const source = archiveOf([lying(bomb)]);
    const peakKibibytes = process.resourceUsage().maxRSS;
    await expect(source.read(PATH, { maxBytes: 1 << 26 })).rejects.toThrow("is not as long as 000.zip says");
    expect(process.resourceUsage().maxRSS - peakKibibytes).toBeLessThan(1 << 16);
  });
});

describe("a zip with a member that none of an archive's can be", () => {
  const NAME = "has a member with an invalid name | -";

  it.each<[string, Partial<ZipMemberSpec>, string]>([
    ["encrypted", { flags: 1 }, `has an encrypted member, ${PATH} | - | -`],
    [
      "in another compression",
      { method: 93 },
      `has a member with an unsupported compression, ${PATH} | Deflate | method 93`,
    ],
    [
      "stored in other than its size",
      { deflated: false, size: 7 },
      `has a member with two sizes, ${PATH} | 7 bytes | ${formatCount(BYTES.length)} bytes`,
    ],
    [
      "of another zip",
      { name: "tile/data/x065/536" },
      "has a member that belongs in 001.zip, tile/data/x065/536 | - | -",
    ],
    ["above the archive", { name: "../000" }, `${NAME} | invalid relative path: ../000`],
    ["above it from below", { name: "tile/../../000" }, `${NAME} | invalid relative path: tile/../../000`],
    [
      "with a backslash",
      { name: "tile\\data\\000" },
      `${NAME} | invalid characters in fileName: tile\\data\\000`,
    ],
    ["at the root", { name: "/tile/data/000" }, `${NAME} | absolute path: /tile/data/000`],
    ["with a name of a kilobyte", { name: "x".repeat(1000) }, `${NAME} | too long: ${"x".repeat(255)}`],
  ])("%s", async (_what, lies, expected) => {
    const honest = { name: "README.txt", bytes: BYTES };
    const source = archiveOf([honest, lying(lies), { ...honest, name: "last" }]);
    expect((await refusal(source)).line).toBe(`cannot be read: 000.zip ${expected}`);
    expect((await refusal(source, "tile/3/000")).line).toBe(`cannot be read: 000.zip ${expected}`);
  });

  it("whose offset lies beyond the end", async () => {
    for (const [offset, zip64] of [
      [1 << 20, false],
      [2 ** 40, true],
      [2 ** 63, true],
    ] as const) {
      const source = archiveOf([lying({ offset, zip64 })]);
      const { line } = await refusal(source);
      expect(line).toMatch(
        /^cannot be read: 000.zip has a member beyond its end, tile\/data\/000 \| at most \d+ bytes \| byte \d+$/,
      );
    }
  });

  const NAMES = [PATH, "tile/0/000", "tile/2/000", "tile/3/000", "issuer/aa", "checkpoint"];
  it.each(NAMES)("that is there twice: %s", async (name) => {
    const source = archiveOf(["first", name, name].map((name) => lying({ name })));
    const line = `cannot be read: 000.zip has two members named ${name} | - | -`;
    expect((await refusal(source)).line).toBe(line);
  });
});

describe("what is no zip", () => {
  it.each<[string, (zip: Buffer) => Buffer]>([
    ["nothing", () => Buffer.of()],
    ["the beginning of a download", (zip) => zip.subarray(0, zip.length / 2)],
    ["all but its last byte", (zip) => zip.subarray(0, -1)],
    ["a zip with more after it", (zip) => Buffer.concat([zip, Buffer.from("more")])],
    ["a zip without its first bytes", (zip) => zip.subarray(10)],
    ["text", () => BYTES],
  ])("%s", async (_what, spoil) => {
    const { line } = await refusal(archiveWith(spoil(zipOf({ name: "README.txt", bytes: BYTES }, lying()))));
    expect(line).toMatch(/^cannot be read: 000.zip is not a complete zip \| - \| /);
  });

  it("a zip that claims more members than it has says after which one it breaks off", async () => {
    const source = archiveOf([lying({ name: "tile/data/001" }), lying()], { count: 60_000 });
    const { line } = await refusal(source);
    expect(line).toMatch(/^cannot be read: 000.zip is not a complete zip \| - \| .*, after tile\/data\/000$/);
    expect(line.includes("\n")).toBe(false);
  });

  it("a zip that claims members without number, where the numbers are in 64 bits", async () => {
    const source = archiveOf([lying()], { count: 2 ** 60 });
    expect((await refusal(source)).line).toMatch(/^cannot be read: 000.zip is not a complete zip/);
  });
});

describe("members without end, whatever their names", () => {
  function* members(first: number, count: number): Generator<ZipMemberSpec> {
    for (let i = first; i < first + count; i++) yield { name: `issuer/${i}`, bytes: Buffer.of() };
  }

  it("in one zip", async () => {
    const { line } = await refusal(archiveOf(members(0, (1 << 16) + 1)), "issuer/none");
    expect(line).toBe(
      "cannot be read: 000.zip has more members than a log has | at most 65,536 besides tiles | -",
    );
  });

  it("in all of them together", async () => {
    const directory = memoryDirectory();
    for (let zip = 0; zip < 3; zip++) writeMembers(directory, zip, members(zip * 30_000, 30_000));
    const { line } = await refusal(open(directory), "issuer/none");
    expect(line).toBe(
      "cannot be found: the zips have more members than a log has | at most 65,536 besides tiles | -",
    );
  });
});

it("a flipped bit anywhere gives the bytes, nothing, or a refusal that names the zip, never other bytes", async () => {
  const directory = memoryDirectory();
  const objects = new Map([
    ["checkpoint", Buffer.from("log.example\n1\nroot\n\n— signature\n")],
    ["issuer/aa", BYTES.subarray(0, 50)],
    ["tile/0/000", BYTES.subarray(0, 64)],
    [PATH, BYTES],
    ["tile/data/001.p/2", BYTES.subarray(3, 90)],
  ]);
  const zip = join(directory, "000.zip");
  const kinds = (i: number) => ({ deflated: i % 2 === 1, zip64: i === 3 });
  const specs = [...objects].map(([name, bytes], i) => ({ name, bytes, ...kinds(i) }));
  writeZip(zip, specs, { comment: "of 1" });
  const whole = fs.readFileSync(zip);
  const refused = (outcome: unknown) => outcome instanceof FormatError && outcome.message.includes("000.zip");
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(7), async (at, bit) => {
      fs.writeFileSync(zip, flippedBit(whole, at, bit));
      const source = new ArchiveSource(directory);
      try {
        for (const [path, bytes] of objects) {
          const outcome = await outcomeOf(source.read(path, { maxBytes: 1 << 20 }));
          if (outcome === undefined) continue;
          const isRight = outcome instanceof Uint8Array ? bytes.equals(outcome) : refused(outcome);
          expect(isRight, `${path}: ${outcome}`).toBe(true);
        }
      } finally {
        await source.close();
      }
    }),
    { numRuns: 300 },
  );
});
