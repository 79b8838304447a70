/**
 * The leaf hashes of whole bundles: the hot path of a migration. Two implementations return the same hashes
 * and refuse the same bundles: `native.ts`, if the addon was built, and `javascript.ts`. All else in `lib/tlog` is pure;
 * the implementation used here depends on an environment variable, and on whether there is an addon to load.
 */

import { UsageError } from "../../errors.ts";
import type { LogFormat } from "../layout.ts";
import { type BundleHasher, type BundleHashes, type HasherName, JAVASCRIPT_HASHER } from "./javascript.ts";
import { loadNativeHasher } from "./native.ts";

export type { BundleHashes, HasherName } from "./javascript.ts";

/** The environment variable that chooses: `native` or `javascript`. */
const CHOICE = "TLOG_MIGRATE_HASHER";

/**
 * As `BundleHasher.hashBundle`. While it runs it may write into `bundle`, so the bytes must not be shared with another
 * thread.
 * @throws FormatError if the bundle does not hold exactly `width` well-formed entries.
 * @throws UsageError if the environment asks for a hasher that is unavailable.
 */
export function hashBundle(format: LogFormat, bundle: Uint8Array, width: number): BundleHashes {
  return currentHasher().hashBundle(format, bundle, width);
}

/** Which implementation `hashBundle` uses. @throws UsageError if the environment asks for one that is unavailable. */
export function hasherName(): HasherName {
  return currentHasher().name;
}

/**
 * The hasher that was asked for; if none was, the native one, or else the one in JavaScript.
 * @param loadNative throws why there is none.
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
    const problem = `asks for the native hasher, which is unavailable: ${reason}`;
    const advice =
      "Where there is a C compiler, npm rebuild tlog-migrate builds it (in a clone, npm run install)";
    throw new UsageError({ object: CHOICE, problem, advice }, { cause });
  }
}

let chosen: BundleHasher | undefined;

/** Chosen at its first use, so that an unavailable choice is reported like any other failure. */
function currentHasher(): BundleHasher {
  chosen ??= chooseHasher();
  return chosen;
}
