/**
 * The bundle hasher that runs wherever Node does: node:crypto, one call per hash. It defines which bundles are
 * malformed, and the error messages; other implementations of `BundleHasher` are compared with it.
 */

import { forEachEntry, leafHashPrefix } from "../bundle.ts";
import { FULL_WIDTH, type LogFormat } from "../layout.ts";
import { foldTile, HASH_SIZE, writeSha256 } from "../merkle.ts";

/** The hashes of a bundle. */
export interface BundleHashes {
  /** The leaf hashes, 32 bytes each: byte for byte the level-0 tile over this bundle. */
  readonly leafHashes: Uint8Array;
  /** For a full bundle, its hash in the level-1 tile, otherwise undefined. */
  readonly root: Uint8Array | undefined;
}

/** An addon in C; the same where it can only hash one message after another; node:crypto. */
export type HasherName = "native" | "native-serial" | "javascript";

export interface BundleHasher {
  readonly name: HasherName;
  /**
   * Hashes a bundle of exactly `width` entries: one SHA-256 an entry, and 255 more where the bundle is full.
   * @throws FormatError if the bundle does not hold exactly `width` well-formed entries.
   */
  hashBundle(format: LogFormat, bundle: Uint8Array, width: number): BundleHashes;
}

/** While it runs it writes into the bundle, and puts every byte back before it returns or throws. */
export const JAVASCRIPT_HASHER: BundleHasher = { name: "javascript", hashBundle };

function hashBundle(format: LogFormat, bundle: Uint8Array, width: number): BundleHashes {
  const prefix = leafHashPrefix(format);
  const leafHashes = Buffer.allocUnsafeSlow(width * HASH_SIZE);
  forEachEntry(format, bundle, width, ({ leafStart, leafEnd }, position) => {
    const start = leafStart - prefix.length;
    const target = position * HASH_SIZE;
    if (start < 0) {
      writeSha256(Buffer.concat([prefix, bundle.subarray(leafStart, leafEnd)]), leafHashes, target);
      return;
    }
    // The leaf hash needs a prefix before bytes in the middle of the bundle. Measured: lending it the few bytes
    // before them, which are restored at once, halves the cost compared with copying each leaf.
    const kept = keepBytes(bundle, start, prefix);
    writeSha256(bundle.subarray(start, leafEnd), leafHashes, target);
    restoreBytes(bundle, start, prefix.length, kept);
  });
  return { leafHashes, root: width === FULL_WIDTH ? foldTile(leafHashes) : undefined };
}

/** Writes `prefix` (at most 3 bytes) at `start` and returns the bytes that were there, packed in one number. */
function keepBytes(bytes: Uint8Array, start: number, prefix: Uint8Array): number {
  let kept = 0;
  for (let i = 0; i < prefix.length; i++) {
    kept = (kept << 8) | (bytes[start + i] as number);
    bytes[start + i] = prefix[i] as number;
  }
  return kept;
}

function restoreBytes(bytes: Uint8Array, start: number, count: number, kept: number): void {
  for (let i = count - 1, rest = kept; i >= 0; i--, rest >>= 8) bytes[start + i] = rest & 0xff;
}
