/**
 * The leaf hashes of whole bundles: the hot path of a migration. One call takes a bundle and gives the level-0
 * tile that the bundle must have.
 *
 * Two implementations stand behind it, which give the same and refuse the same: `native.ts`, where the
 * addon was built, and `javascript.ts`. The one place of `lib/tlog` that looks at where it runs: at an
 * environment variable, which every thread of a process sees, and at whether there is an addon to load.
 */

import { UsageError } from "../../errors.ts";
import type { LogFormat } from "../layout.ts";
import type { BundleHasher, BundleHashes, HasherName } from "./bundle-hasher.ts";
import { JAVASCRIPT_HASHER } from "./javascript.ts";
import { loadNativeHasher } from "./native.ts";

export type { BundleHashes, HasherName } from "./bundle-hasher.ts";

/** The environment variable that chooses: `native` or `javascript`. */
const CHOICE = "TLOG_MIGRATE_HASHER";

/**
 * Hashes a bundle of exactly `width` entries: one SHA-256 an entry, and 255 more where the bundle is full.
 *
 * While it runs it may write into `bundle`, and has put every byte back when it returns or throws, so the bytes
 * must not be shared with another thread.
 *
 * @throws FormatError if the bundle does not hold exactly `width` well-formed entries.
 * @throws UsageError if the environment asks for a hasher that is not there.
 */
export function hashBundle(format: LogFormat, bundle: Uint8Array, width: number): BundleHashes {
  return currentHasher().hashBundle(format, bundle, width);
}

/**
 * Which implementation `hashBundle` runs.
 * @throws UsageError if the environment asks for one that is not there.
 */
export function hasherName(): HasherName {
  return currentHasher().name;
}

/**
 * The hasher that was asked for; the native one, where it is there, when none was.
 * @param choice what the environment says.
 * @param loadNative gives the native hasher, or throws why there is none.
 * @throws UsageError
 */
export function chooseHasher(
  choice = process.env[CHOICE],
  loadNative: () => BundleHasher = loadNativeHasher,
): BundleHasher {
  if (choice === "javascript") return JAVASCRIPT_HASHER;
  const isAsked = choice === "native";
  if (!isAsked && choice !== undefined && choice !== "") {
    const problem = "names no hasher";
    throw new UsageError({ object: CHOICE, problem, expected: "native or javascript", found: choice });
  }
  try {
    return loadNative();
  } catch (cause) {
    if (!isAsked) return JAVASCRIPT_HASHER;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const problem = `asks for the native hasher, which cannot be used: ${reason}`;
    const advice =
      "Where there is a C compiler, npm rebuild tlog-migrate builds it (in a clone, npm run install)";
    throw new UsageError({ object: CHOICE, problem, advice }, { cause });
  }
}

let chosen: BundleHasher | undefined;

/** Chosen at its first use, so that a choice that cannot be had is reported like any other failure. */
function currentHasher(): BundleHasher {
  chosen ??= chooseHasher();
  return chosen;
}
