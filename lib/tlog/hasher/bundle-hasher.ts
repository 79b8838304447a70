/** What every implementation of the bundle hasher gives. */

import type { LogFormat } from "../layout.ts";

/** What a bundle hashes to. */
export interface BundleHashes {
  /** The leaf hashes, 32 bytes each: byte for byte the level-0 tile over this bundle. */
  readonly leafHashes: Uint8Array;
  /** For a full bundle the hash that stands for it in its level-1 tile, otherwise undefined. */
  readonly root: Uint8Array | undefined;
}

/**
 * The implementations: an addon in C, the same where it can only hash one message after the other, and the one
 * that is always there.
 */
export type HasherName = "native" | "native-serial" | "javascript";

/** Hashes whole bundles. */
export interface BundleHasher {
  readonly name: HasherName;
  /**
   * Hashes a bundle of exactly `width` entries.
   * @throws FormatError if the bundle does not hold exactly `width` well-formed entries.
   */
  hashBundle(format: LogFormat, bundle: Uint8Array, width: number): BundleHashes;
}
