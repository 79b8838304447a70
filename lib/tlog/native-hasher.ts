/**
 * The bundle hasher in C, `native/bundle-hasher.c`: one call a bundle. It is an addon that npm builds when the
 * package is installed, where there is a compiler for it (`native/build.js`), so it may be missing.
 */

import { hash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { BundleHasher, BundleHashes } from "./bundle-hasher.ts";
import { JAVASCRIPT_HASHER } from "./javascript-hasher.ts";
import { knownAnswers } from "./known-answers.ts";
import { FULL_WIDTH, type LogFormat } from "./layout.ts";
import { HASH_SIZE } from "./merkle.ts";

/**
 * The addon's function: writes the leaf hashes of all entries to `hashes`, and behind 256 of them the hash that
 * they fold to.
 * @param hashes room for as many hashes as there may be entries; for a full bundle, one more.
 * @returns how many entries the bundle holds; -1 if it is malformed, or holds more than there is room for.
 * @throws TypeError on arguments of other types.
 */
export type NativeHashBundle = (format: number, bundle: Uint8Array, hashes: Uint8Array) => number;

/** The numbers by which the addon knows the formats. */
export const NATIVE_FORMATS: Record<LogFormat, number> = { tiles: 0, "static-ct": 1 };

// The published package has compiled files two directories deeper, a clone runs the sources; the C source, and
// what is built of it, are in the same place in both.
const ADDON = import.meta.url.endsWith(".ts")
  ? "./native/bundle-hasher.node"
  : "../../../lib/tlog/native/bundle-hasher.node";

/** Where the addon is built, and looked for. */
export const ADDON_PATH: string = fileURLToPath(new URL(ADDON, import.meta.url));

/**
 * The hasher of an addon that has given the known answers.
 * @throws Error if there is no such addon, if it does not load, or if an answer of it is wrong.
 */
export function loadNativeHasher(path: string = ADDON_PATH): BundleHasher {
  const hashNatively = loadAddon(path);
  requireKnownAnswers(hashNatively);
  return nativeHasher(hashNatively);
}

/**
 * The function of the addon at `path`, untested.
 * @throws Error if there is no such addon, or if it does not load.
 */
export function loadAddon(path: string = ADDON_PATH): NativeHashBundle {
  const addon: { exports: { hashBundle?: NativeHashBundle } } = { exports: {} };
  process.dlopen(addon, path);
  if (typeof addon.exports.hashBundle !== "function") throw new Error("the addon has no hashBundle");
  return addon.exports.hashBundle;
}

/** An addon's function as a hasher. */
export function nativeHasher(hashNatively: NativeHashBundle): BundleHasher {
  return {
    name: "native",
    hashBundle: (format, bundle, width) => hashBundle(hashNatively, format, bundle, width),
  };
}

/**
 * Room for the hashes of a bundle of `width` entries, in one allocation: the folded hash of a full bundle stands
 * behind its leaf hashes.
 */
export function roomForHashes(width: number): Buffer {
  return Buffer.allocUnsafeSlow((width === FULL_WIDTH ? FULL_WIDTH + 1 : width) * HASH_SIZE);
}

/** A wrong compiler, or a Node with another SHA-256 in it, must not get as far as a log. */
function requireKnownAnswers(hashNatively: NativeHashBundle): void {
  for (const { format, bundle, width, tileHash, root } of knownAnswers()) {
    const found = hashBundle(hashNatively, format, bundle, width);
    const cut = bundle.subarray(0, bundle.length - 1);
    const isRight =
      hash("sha256", found.leafHashes, "hex") === tileHash &&
      (found.root && Buffer.from(found.root).toString("hex")) === root &&
      hashNatively(NATIVE_FORMATS[format], cut, roomForHashes(width)) === -1;
    if (!isRight) throw new Error("the addon fails its known-answer test");
  }
}

function hashBundle(
  hashNatively: NativeHashBundle,
  format: LogFormat,
  bundle: Uint8Array,
  width: number,
): BundleHashes {
  if (width < 1 || width > FULL_WIDTH) return JAVASCRIPT_HASHER.hashBundle(format, bundle, width);
  const hashes = roomForHashes(width);
  if (hashNatively(NATIVE_FORMATS[format], bundle, hashes) !== width) {
    // The addon only says no: what is wrong, and in which words, is written once, in the other hasher.
    JAVASCRIPT_HASHER.hashBundle(format, bundle, width);
    throw new Error("the native hasher refuses a bundle that the JavaScript one takes");
  }
  if (width < FULL_WIDTH) return { leafHashes: hashes, root: undefined };
  const leafHashes = hashes.subarray(0, FULL_WIDTH * HASH_SIZE);
  return { leafHashes, root: hashes.subarray(FULL_WIDTH * HASH_SIZE) };
}
