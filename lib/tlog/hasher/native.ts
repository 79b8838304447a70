/**
 * The bundle hasher in C, an addon that `native/build.js` builds at installation where there is a C compiler. It hashes
 * entries one after another, or several side by side where OpenSSL and the processor allow it. A broken compiler, or a
 * Node with another SHA-256 in it, must not affect a log: each way is used only after it has returned the right hashes
 * in the process that uses it.
 */

import { hash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { FULL_WIDTH, type LogFormat } from "../layout.ts";
import { HASH_SIZE } from "../merkle.ts";
import { type BundleHasher, type HasherName, JAVASCRIPT_HASHER } from "./javascript.ts";
import { BORDER_SIZES, knownAnswers, type TrialBundle, trialBundles } from "./self-test.ts";

/**
 * Writes the leaf hashes of all entries to `hashes`, and after 256 of them the hash that they fold to.
 * @param hashes space for as many hashes as there may be entries; for a full bundle, one more.
 * @returns how many entries the bundle holds; -1 if it is malformed, or holds more than there is space for.
 * @throws TypeError on arguments of other types.
 */
export type NativeHashBundle = (format: number, bundle: Uint8Array, hashes: Uint8Array) => number;

export interface NativeAddon {
  /** Hashes one entry after another, by functions that OpenSSL documents. */
  readonly hashBundle: NativeHashBundle;
  /** Returns the same, several entries side by side; missing where that is impossible. */
  readonly hashBundleInLanes?: NativeHashBundle;
}

/** The numbers by which the addon knows the formats. */
export const NATIVE_FORMATS: Record<LogFormat, number> = { tiles: 0, "static-ct": 1 };

// The published package has compiled files below dist/, a clone runs the sources; the addon is in lib/ in both.
const HERE = import.meta.url.endsWith(".ts") ? "." : "../../../../lib/tlog/hasher";

/** Where the addon is built and loaded from. */
export const ADDON_PATH: string = fileURLToPath(
  new URL(`${HERE}/native/bundle-hasher.node`, import.meta.url),
);

/** The hasher of an addon. @throws Error if there is none, if it does not load, or fails its known-answer test. */
export function loadNativeHasher(path: string = ADDON_PATH): BundleHasher {
  const addon = loadAddon(path);
  const trusted = trustedFunction(addon);
  return nativeHasher(trusted, trusted === addon.hashBundle ? "native-serial" : "native");
}

/** The addon at `path`, untested. @throws Error if there is no such addon, or if it does not load. */
export function loadAddon(path: string = ADDON_PATH): NativeAddon {
  const addon: { exports: Partial<NativeAddon> } = { exports: {} };
  process.dlopen(addon, path);
  const { hashBundle, hashBundleInLanes } = addon.exports;
  if (typeof hashBundle !== "function") throw new Error("the addon has no hashBundle");
  return hashBundleInLanes === undefined ? { hashBundle } : { hashBundle, hashBundleInLanes };
}

/**
 * The fastest function of an addon whose hashes are right. The test takes about a millisecond.
 * @throws Error if hashBundle, with which the other is compared, is wrong.
 */
export function trustedFunction({ hashBundle, hashBundleInLanes }: NativeAddon): NativeHashBundle {
  if (!givesKnownAnswers(hashBundle)) throw new Error(WRONG_ANSWER);
  if (hashBundleInLanes === undefined || !givesKnownAnswers(hashBundleInLanes)) return hashBundle;
  return agree(hashBundle, hashBundleInLanes, BORDER_SIZES) ? hashBundleInLanes : hashBundle;
}

/**
 * Install-time self-test: checks every exported function on entries of every size up to one beyond the lane limit.
 * @throws Error if the addon does not load, or if any of its answers is wrong.
 */
export function tryAddon(path: string): void {
  const { hashBundle, hashBundleInLanes = hashBundle } = loadAddon(path);
  // In steps of 1009, so that small and large ones come together; each size three times.
  const sizes = Array.from({ length: 3 * 4201 }, (_, i) => (i * 1009) % 4201);
  const isRight = [hashBundle, hashBundleInLanes].every(givesKnownAnswers);
  if (!isRight || !agree(hashBundle, hashBundleInLanes, sizes)) throw new Error(WRONG_ANSWER);
}

/** A hasher that calls an addon's function. */
export function nativeHasher(hashNatively: NativeHashBundle, name: HasherName = "native"): BundleHasher {
  return {
    name,
    hashBundle(format, bundle, width) {
      if (width < 1 || width > FULL_WIDTH) return JAVASCRIPT_HASHER.hashBundle(format, bundle, width);
      const hashes = hashesOf(hashNatively, { format, bundle, width });
      if (hashes === undefined) {
        // The addon only refuses: what is wrong, and in which words, is written once, in the other hasher.
        JAVASCRIPT_HASHER.hashBundle(format, bundle, width);
        throw new Error("the native hasher refuses a bundle that the JavaScript one takes");
      }
      if (width < FULL_WIDTH) return { leafHashes: hashes, root: undefined };
      const leafHashes = hashes.subarray(0, FULL_WIDTH * HASH_SIZE);
      return { leafHashes, root: hashes.subarray(FULL_WIDTH * HASH_SIZE) };
    },
  };
}

/** Space for the hashes of a bundle of `width` entries; the folded hash of a full bundle follows its leaf hashes. */
export function roomForHashes(width: number): Buffer {
  return Buffer.allocUnsafeSlow((width === FULL_WIDTH ? FULL_WIDTH + 1 : width) * HASH_SIZE);
}

const WRONG_ANSWER = "the addon fails its known-answer test";

function givesKnownAnswers(hashNatively: NativeHashBundle): boolean {
  return knownAnswers().every(({ format, bundle, width, tileHash, root = "" }) => {
    const hashes = hashesOf(hashNatively, { format, bundle, width });
    const cut = { format, bundle: bundle.subarray(0, bundle.length - 1), width };
    return (
      hashes !== undefined &&
      hash("sha256", hashes.subarray(0, width * HASH_SIZE), "hex") === tileHash &&
      hashes.toString("hex", width * HASH_SIZE) === root &&
      hashesOf(hashNatively, cut) === undefined
    );
  });
}

/** Whether two functions return the same for entries of these sizes, in both formats. */
function agree(one: NativeHashBundle, other: NativeHashBundle, sizes: readonly number[]): boolean {
  for (const trial of trialBundles(sizes)) {
    const [hashes, others] = [hashesOf(one, trial), hashesOf(other, trial)];
    if (hashes === undefined || others === undefined || !hashes.equals(others)) return false;
  }
  return true;
}

/** All that the function writes, or undefined if it refuses the bundle. */
function hashesOf(
  hashNatively: NativeHashBundle,
  { format, bundle, width }: TrialBundle,
): Buffer | undefined {
  const hashes = roomForHashes(width);
  return hashNatively(NATIVE_FORMATS[format], bundle, hashes) === width ? hashes : undefined;
}
