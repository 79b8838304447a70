/** The tests that a hasher must pass before it is trusted: bundles with hashes computed by other software, and others. */

import { FULL_WIDTH, type LogFormat } from "../layout.ts";

/** A well-formed bundle. */
export interface TrialBundle {
  readonly format: LogFormat;
  readonly bundle: Uint8Array;
  readonly width: number;
}

/** A bundle and its hashes, in hex. */
export interface KnownAnswer extends TrialBundle {
  /** SHA-256 of its level-0 tile. */
  readonly tileHash: string;
  /** For a full bundle, its hash in the level-1 tile, otherwise undefined. */
  readonly root: string | undefined;
}

/**
 * A bundle of each format. The hashes are by Go programs: leaf hashes and Static CT entries by
 * github.com/transparency-dev/tessera v1.0.4 (ctonly), the root by github.com/transparency-dev/merkle v0.0.2.
 */
export function knownAnswers(): KnownAnswer[] {
  return [
    {
      format: "tiles",
      bundle: entriesOfAllLengths(),
      width: FULL_WIDTH,
      tileHash: "df50bb8df7d7bb3f6c7fae7b20a8bee87cc3870e569abf268a8c38beca795037",
      root: "0b7c501fe58b0d924545fa2089a9c515842f67d6b9f61f965b3444674f2e7691",
    },
    {
      format: "static-ct",
      bundle: Buffer.from(CERTIFICATE + PRECERTIFICATE, "hex"),
      width: 2,
      tileHash: "092893cf4e654e54ff1ca1b63100416127af1879505169b302825c31f0f3fd18",
      root: undefined,
    },
  ];
}

/** A certificate at index 0 with a chain of two, and a precertificate at index 1 with a chain of one. */
const CERTIFICATE = `0000019b76daa87b000000000d6120636572746966696361746500080000050000000000\
0040${"aa".repeat(32)}${"bb".repeat(32)}`;
const PRECERTIFICATE = `0000019b76daa9c80001${"cc".repeat(32)}00001061205442534365727469666963617465\
0008000005000000000100001f746865207072656365727469666963617465206173207375626d69747465640020${"aa".repeat(32)}`;

/**
 * Entry i is i bytes of value i: what is hashed ends at every place in a block of SHA-256, and the first hash is
 * the 6e340b9c… of an empty leaf that every log knows.
 */
function entriesOfAllLengths(): Uint8Array {
  const entryOf = (_: unknown, i: number) => Buffer.concat([Buffer.of(0, i), Buffer.alloc(i, i)]);
  return Buffer.concat(Array.from({ length: FULL_WIDTH }, entryOf));
}

/**
 * Sizes around which a message of SHA-256 needs a block more for itself or for its padding, and around the largest
 * that fits into a lane of `sha256-lanes.c`. The size beyond that is placed so that the bundles use every number of
 * lanes.
 */
export const BORDER_SIZES: readonly number[] = [
  ...[65, 1, 56, 119, 18, 63, 55, 64, 57],
  ...[184, 120, 4088, 127, 1000, 121, 183, 128],
  ...[249, 192, 185, 248, 193, 191, 247],
  ...[311, 319, 4087, 255, 312, 256],
  ...[376, 320, 2000, 375],
];

/** One more than there are lanes: uses some of them, or all, or all and then one. */
const MOST_ENTRIES = 9;

/**
 * Bundles of 9, 8, and so on to 1 entries, as often as it takes to have entries of all `sizes`, in both formats.
 * @param sizes how many bytes their leaf hashes cover, prefix included; more where the format has no entry so small.
 */
export function* trialBundles(sizes: readonly number[]): Generator<TrialBundle> {
  for (const [format, entryOfSize] of Object.entries(ENTRIES) as [LogFormat, typeof tilesEntry][]) {
    const nextEntry = () => entryOfSize(sizes[taken++ % sizes.length] as number);
    let taken = 0;
    while (taken < sizes.length) {
      for (let width = MOST_ENTRIES; width > 0; width--) {
        yield { format, bundle: Buffer.concat(Array.from({ length: width }, nextEntry)), width };
      }
    }
  }
}

/** An entry whose leaf hash covers `size` bytes: the byte 0x00, and its content. */
function tilesEntry(size: number): Buffer {
  const content = Math.max(0, size - 1);
  const entry = Buffer.alloc(2 + content, `${size} tiles `);
  entry.writeUInt16BE(content, 0);
  return entry;
}

/** The same in Static CT, a certificate without extensions: 3 bytes of prefix and 15 of fields come before it. */
function staticCtEntry(size: number): Buffer {
  const certificate = Math.max(0, size - 18);
  const entry = Buffer.alloc(17 + certificate, `${size} static-ct `);
  entry.writeUInt16BE(0, 8);
  entry.writeUIntBE(certificate, 10, 3);
  entry.writeUInt32BE(0, 13 + certificate);
  return entry;
}

const ENTRIES = { tiles: tilesEntry, "static-ct": staticCtEntry } satisfies Record<LogFormat, unknown>;
