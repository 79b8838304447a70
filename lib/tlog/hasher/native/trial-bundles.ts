/** Bundles on which two ways of hashing are held against each other, where no answers need be known. */

import type { LogFormat } from "../../layout.ts";

/** A well-formed bundle of a few entries. */
export interface TrialBundle {
  readonly format: LogFormat;
  readonly bundle: Uint8Array;
  readonly width: number;
}

/**
 * Sizes about which a message of SHA-256 needs a block more for itself or for its padding, and about the largest
 * that fits into a lane of `sha256-lanes.c`. The one beyond it stands where it leaves every number of lanes taken in
 * one of the bundles.
 */
export const BORDER_SIZES: readonly number[] = [
  ...[65, 1, 56, 119, 18, 63, 55, 64, 57],
  ...[184, 120, 4088, 127, 1000, 121, 183, 128],
  ...[249, 192, 185, 248, 193, 191, 247],
  ...[311, 319, 4087, 255, 312, 256],
  ...[376, 320, 2000, 375],
];

/** One more than there are lanes: some of them are taken, or all, or all and then one. */
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
