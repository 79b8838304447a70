/**
 * Entry bundles put together field by field, together with the leaves that they must give: written from the
 * formats' definitions (https://c2sp.org/tlog-tiles, https://c2sp.org/static-ct-api), without lib/tlog.
 */

import fc from "fast-check";
import type { LogFormat } from "../../../lib/tlog/layout.ts";

export interface AssembledBundle {
  readonly format: LogFormat;
  readonly bytes: Buffer;
  readonly width: number;
  /** What each leaf hash covers. */
  readonly leaves: readonly Buffer[];
  /** For each byte whether a leaf hash depends on it. */
  readonly covered: readonly boolean[];
  /** For each byte whether it is part of a length. */
  readonly isLength: readonly boolean[];
  readonly entrySizes: readonly number[];
}

type Role = "leaf" | "leaf length" | "other length" | "other";

interface Entry {
  readonly fields: readonly { readonly role: Role; readonly bytes: Buffer }[];
  readonly leaf: Buffer;
}

/** Any well-formed bundle of 1 to `maxWidth` small entries. */
export function anyBundle(format: LogFormat, maxWidth = 12): fc.Arbitrary<AssembledBundle> {
  const entry = format === "tiles" ? anyTilesEntry : fc.oneof(anyCertificate, anyPrecertificate);
  return fc.array(entry, { minLength: 1, maxLength: maxWidth }).map((entries) => assemble(format, entries));
}

/** A well-formed bundle of exactly `width` entries. */
export function anyBundleOf(format: LogFormat, width: number): fc.Arbitrary<AssembledBundle> {
  const entry = format === "tiles" ? anyTilesEntry : fc.oneof(anyCertificate, anyPrecertificate);
  return fc.array(entry, { minLength: width, maxLength: width }).map((entries) => assemble(format, entries));
}

/** A well-formed bundle of a few entries, with fields as short or as long as may be, or about a block of SHA-256. */
export function anyBundleOfExtremes(format: LogFormat): fc.Arbitrary<AssembledBundle> {
  const entry = format === "tiles" ? anyExtremeTilesEntry : anyExtremeStaticCtEntry;
  return fc.array(entry, { minLength: 1, maxLength: 4 }).map((entries) => assemble(format, entries));
}

/**
 * One to three entries put together of small fields, each of which may be of a length that it does not tell, and of
 * a type that there is not: most are malformed, and nearly well-formed.
 */
export function anyNearBundle(format: LogFormat): fc.Arbitrary<Buffer> {
  const entry = format === "tiles" ? nearVector(2, 0, 1, 5) : anyNearStaticCtEntry;
  return fc.array(entry, { minLength: 1, maxLength: 3 }).map((entries) => Buffer.concat(entries));
}

/** A copy with a few bytes changed, taken out or doubled, as `choices` says. */
export function mutated(bytes: Buffer, choices: Iterator<number>): Buffer {
  const choose = (count: number): number => (choices.next().value as number) % count;
  let result = Buffer.from(bytes);
  for (let changes = 1 + choose(3); changes > 0; changes--) {
    const at = choose(result.length + 1);
    const [start, rest] = [result.subarray(0, at), result.subarray(at)];
    const end = rest.subarray(Math.min(rest.length, 1 + choose(40)));
    const ways = [
      () => Buffer.concat([start, Buffer.of(choose(256)), rest.subarray(1)]),
      () => Buffer.concat([start, Buffer.of(choose(2) * 255), rest.subarray(1)]),
      () => Buffer.concat([start, end]),
      () => Buffer.concat([start, rest.subarray(0, rest.length - end.length), rest]),
    ];
    result = (ways[choose(ways.length)] as () => Buffer<ArrayBuffer>)();
  }
  return result;
}

function assemble(format: LogFormat, entries: readonly Entry[]): AssembledBundle {
  const fields = entries.flatMap((entry) => entry.fields);
  const bytewise = (holds: (role: Role) => boolean): boolean[] =>
    fields.flatMap(({ role, bytes }) => Array<boolean>(bytes.length).fill(holds(role)));
  return {
    format,
    bytes: Buffer.concat(fields.map(({ bytes }) => bytes)),
    width: entries.length,
    leaves: entries.map(({ leaf }) => leaf),
    get covered() {
      return bytewise((role) => role.startsWith("leaf"));
    },
    get isLength() {
      return bytewise((role) => role.endsWith("length"));
    },
    entrySizes: entries.map((entry) => entry.fields.reduce((sum, { bytes }) => sum + bytes.length, 0)),
  };
}

const anyBytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));

const exactly = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));

/** Bytes of one of the lengths, which are as good as random ones to tell a misplaced field from a right one. */
const bytesOf = (...lengths: readonly number[]): fc.Arbitrary<Buffer> =>
  fc.tuple(fc.constantFrom(...lengths), fc.nat(255)).map(([length, first]) => {
    const period = Uint8Array.from({ length: Math.min(length, 251) }, (_, i) => first + i);
    return Buffer.alloc(length, period);
  });

const anyTilesEntry: fc.Arbitrary<Entry> = anyBytes(300).map(tilesEntry);

/** Lengths about which a leaf, with its prefix, fills a block of SHA-256, or needs one more for the padding. */
const ABOUT_A_BLOCK = [0, 1, 54, 55, 56, 62, 63, 64, 118, 119, 120, 126, 127, 128] as const;

const anyExtremeTilesEntry: fc.Arbitrary<Entry> = bytesOf(...ABOUT_A_BLOCK, 0xff00, 0xfffe, 0xffff).map(
  tilesEntry,
);

const anyChain = fc.array(exactly(32), { maxLength: 3 }).map((fingerprints) => Buffer.concat(fingerprints));

const anyCertificate: fc.Arbitrary<Entry> = fc
  .tuple(exactly(8), anyBytes(300), anyBytes(20), anyChain)
  .map(([timestamp, certificate, extensions, chain]) => {
    const start = [timestamp, Buffer.of(0, 0)];
    return staticCtEntry(start, certificate, extensions, undefined, chain);
  });

const anyPrecertificate: fc.Arbitrary<Entry> = fc
  .tuple(exactly(8), exactly(32), anyBytes(300), anyBytes(20), anyBytes(300), anyChain)
  .map(([timestamp, issuerKeyHash, tbs, extensions, submitted, chain]) => {
    const start = [timestamp, Buffer.of(0, 1), issuerKeyHash];
    return staticCtEntry(start, tbs, extensions, submitted, chain);
  });

const anyExtremeStaticCtEntry: fc.Arbitrary<Entry> = fc
  .record({
    timestamp: exactly(8),
    issuerKeyHash: fc.option(exactly(32), { nil: undefined }),
    certificate: bytesOf(...ABOUT_A_BLOCK, 0xffff, 0x10000, 0x20001),
    extensions: bytesOf(0, 8, 0xffff),
    submitted: bytesOf(0, 1, 0xffff, 0x10000),
    chain: bytesOf(0, 32, 2047 * 32),
  })
  .map(({ timestamp, issuerKeyHash, certificate, extensions, submitted, chain }) =>
    issuerKeyHash === undefined
      ? staticCtEntry([timestamp, Buffer.of(0, 0)], certificate, extensions, undefined, chain)
      : staticCtEntry([timestamp, Buffer.of(0, 1), issuerKeyHash], certificate, extensions, submitted, chain),
  );

/** A length and content of one of the lengths, which agree most often. */
function nearVector(lengthSize: number, ...lengths: readonly number[]): fc.Arbitrary<Buffer> {
  const difference = fc.oneof(
    { weight: 9, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(-1, 1, 32) },
  );
  return fc.tuple(fc.constantFrom(...lengths), difference).map(([length, more]) => {
    const content = Buffer.alloc(Math.max(0, length + more), 0x5a);
    return Buffer.concat([lengthBytes(Buffer.alloc(length), lengthSize), content]);
  });
}

const anyNearStaticCtEntry: fc.Arbitrary<Buffer> = fc
  .record({
    timestamp: exactly(8),
    type: fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 3, 0x100, 0x101, 0xffff),
    certificate: nearVector(3, 0, 1, 7),
    extensions: nearVector(2, 0, 8),
    submitted: nearVector(3, 0, 1, 7),
    chain: nearVector(2, 0, 0, 32, 32, 64, 16, 31, 33, 48),
  })
  .map(({ timestamp, type, certificate, extensions, submitted, chain }) => {
    const typeBytes = Buffer.alloc(2);
    typeBytes.writeUInt16BE(type);
    const isCertificate = type % 2 === 0;
    const issuerKeyHash = Buffer.alloc(isCertificate ? 0 : 32);
    const afterLeaf = isCertificate ? [chain] : [submitted, chain];
    return Buffer.concat([timestamp, typeBytes, issuerKeyHash, certificate, extensions, ...afterLeaf]);
  });

function tilesEntry(leaf: Buffer): Entry {
  return {
    fields: [
      { role: "leaf length", bytes: lengthBytes(leaf, 2) },
      { role: "leaf", bytes: leaf },
    ],
    leaf,
  };
}

function staticCtEntry(
  start: readonly Buffer[],
  certificate: Buffer,
  extensions: Buffer,
  submitted: Buffer | undefined,
  chain: Buffer,
): Entry {
  const leafParts = [
    ...start.map((bytes) => ({ role: "leaf" as const, bytes })),
    { role: "leaf length" as const, bytes: lengthBytes(certificate, 3) },
    { role: "leaf" as const, bytes: certificate },
    { role: "leaf length" as const, bytes: lengthBytes(extensions, 2) },
    { role: "leaf" as const, bytes: extensions },
  ];
  const extraData = [
    ...(submitted === undefined
      ? []
      : [
          { role: "other length" as const, bytes: lengthBytes(submitted, 3) },
          { role: "other" as const, bytes: submitted },
        ]),
    { role: "other length" as const, bytes: lengthBytes(chain, 2) },
    { role: "other" as const, bytes: chain },
  ];
  // MerkleTreeLeaf of RFC 6962 section 3.4: version v1, timestamped_entry, then the TimestampedEntry.
  const leaf = Buffer.concat([Buffer.of(0, 0), ...leafParts.map(({ bytes }) => bytes)]);
  return { fields: [...leafParts, ...extraData], leaf };
}

function lengthBytes(content: Buffer, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(content.length, 0, size);
  return bytes;
}
