/** The implementations of the bundle hasher, for tests that both must pass. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe } from "vitest";
import { type BundleHasher, JAVASCRIPT_HASHER } from "../../lib/tlog/hasher/javascript.ts";
import { ADDON_PATH, loadNativeHasher } from "../../lib/tlog/hasher/native.ts";

/** Whether the tests of the addon run: where it was not built they are skipped, unless the environment forbids it. */
export const HAS_NATIVE_HASHER: boolean =
  existsSync(ADDON_PATH) || process.env.TLOG_MIGRATE_REQUIRE_NATIVE === "1";

export const HAS_COMPILER: boolean =
  spawnSync("cc", ["--version"]).status === 0 || process.env.TLOG_MIGRATE_REQUIRE_NATIVE === "1";

export function describeHashers(name: string, tests: (hasher: BundleHasher) => void): void {
  describe(`${name}, in JavaScript`, () => tests(JAVASCRIPT_HASHER));
  describe.skipIf(!HAS_NATIVE_HASHER)(`${name}, by the addon`, () => tests(new LoadedAtFirstUse()));
}

/** Fails a test, rather than the file, where the addon does not load. */
class LoadedAtFirstUse implements BundleHasher {
  readonly name = "native";
  #hasher: BundleHasher | undefined;
  hashBundle: BundleHasher["hashBundle"] = (...bundle) => {
    this.#hasher ??= loadNativeHasher();
    return this.#hasher.hashBundle(...bundle);
  };
}
