/**
 * Entry bundles put together field by field, together with the leaves that they must give: written from the
 * formats' definitions (https://c2sp.org/tlog-tiles, https://c2sp.org/static-ct-api), without lib/tlog.
 */

import fc from "fast-check";
import type { LogFormat } from "../../lib/tlog/layout.ts";

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
    covered: bytewise((role) => role.startsWith("leaf")),
    isLength: bytewise((role) => role.endsWith("length")),
    entrySizes: entries.map((entry) => entry.fields.reduce((sum, { bytes }) => sum + bytes.length, 0)),
  };
}

const anyBytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));

const exactly = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));

const anyTilesEntry: fc.Arbitrary<Entry> = anyBytes(300).map((leaf) => ({
  fields: [
    { role: "leaf length", bytes: lengthBytes(leaf, 2) },
    { role: "leaf", bytes: leaf },
  ],
  leaf,
}));

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
  const uncovered = [
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
  return { fields: [...leafParts, ...uncovered], leaf };
}

function lengthBytes(content: Buffer, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(content.length, 0, size);
  return bytes;
}
