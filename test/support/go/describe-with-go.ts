import { describe } from "vitest";
import { goAvailable } from "./programs.ts";

const missing = "no Go toolchain on the PATH: the tests against the real Tessera need one";

/**
 * `describe` for tests that need the Go toolchain. Without one they are skipped, with a line that says so, or fail
 * where `TLOG_MIGRATE_REQUIRE_GO=1` is set.
 */
export function describeWithGo(name: string, tests: () => void): void {
  if (!goAvailable()) {
    if (process.env.TLOG_MIGRATE_REQUIRE_GO === "1") {
      throw new Error(`${missing}, and TLOG_MIGRATE_REQUIRE_GO=1 says that they must run`);
    }
    console.warn(`skipped: ${name}: ${missing}`);
  }
  describe.skipIf(!goAvailable())(name, tests);
}
