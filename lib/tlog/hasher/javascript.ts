/**
 * The bundle hasher that runs wherever Node does: node:crypto, a call a hash. What it refuses, and in which words,
 * is what a malformed bundle means everywhere.
 */

import { entryFormat, forEachEntry } from "../bundle.ts";
import { FULL_WIDTH, type LogFormat } from "../layout.ts";
import { foldTile, HASH_SIZE, writeSha256 } from "../merkle.ts";
import type { BundleHasher, BundleHashes } from "./bundle-hasher.ts";

/**
 * The hasher on node:crypto: one SHA-256 an entry, and 255 more where the bundle is full.
 *
 * While it runs it writes into the bundle and puts every byte back before it returns or throws, so the bytes must
 * not be shared with another thread.
 */
export const JAVASCRIPT_HASHER: BundleHasher = { name: "javascript", hashBundle };

function hashBundle(format: LogFormat, bundle: Uint8Array, width: number): BundleHashes {
  const prefix = leafInputPrefix(format);
  const leafHashes = Buffer.allocUnsafeSlow(width * HASH_SIZE);
  forEachEntry(format, bundle, width, (span, position) => {
    const start = span.leafStart - prefix.length;
    const target = position * HASH_SIZE;
    if (start < 0) {
      writeSha256(Buffer.concat([prefix, bundle.subarray(span.leafStart, span.leafEnd)]), leafHashes, target);
      return;
    }
    // The leaf hash wants a prefix before bytes that lie in the middle of the bundle. Measured: lending it
    // the few bytes before them, which are restored at once, halves the cost against copying each leaf.
    const kept = keepBytes(bundle, start, prefix);
    writeSha256(bundle.subarray(start, span.leafEnd), leafHashes, target);
    restoreBytes(bundle, start, prefix.length, kept);
  });
  return { leafHashes, root: width === FULL_WIDTH ? foldTile(leafHashes) : undefined };
}

const LEAF_INPUT_PREFIXES: Record<LogFormat, Uint8Array> = {
  tiles: leafInput("tiles"),
  "static-ct": leafInput("static-ct"),
};

function leafInputPrefix(format: LogFormat): Uint8Array {
  return LEAF_INPUT_PREFIXES[format];
}

/** 0x00 of the leaf hash (RFC 6962 section 2.1), then the constant start of every leaf: 1 or 3 bytes. */
function leafInput(format: LogFormat): Uint8Array {
  return Uint8Array.from([0x00, ...entryFormat(format).leafPrefix]);
}

/** Writes `prefix` (at most 3 bytes) at `start` and returns what stood there, packed in one number. */
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
