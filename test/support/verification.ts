/** Verifications in this process, and logs to verify. */

import { type VerificationReport, type VerifyOptions, verifyLog } from "../../lib/index.ts";
import { parseVkey } from "../../lib/tlog/vkey.ts";
import { flippedBit } from "./http/tampering.ts";
import type { TestLog } from "./logs/generated-log.ts";
import { FAST_RETRY, type KnownLog } from "./migration.ts";
import { writeFiles } from "./places/directory.ts";

/** Verifies `log` where it stands, trusting the log's own key. */
export function verify(
  log: KnownLog,
  place: string,
  overrides: Partial<VerifyOptions> = {},
): Promise<VerificationReport> {
  return verifyLog({
    log: place,
    format: log.format,
    policy: { verifiers: [parseVkey(log.vkey)] },
    access: { userAgentVersion: "test" },
    workers: 1,
    settleMs: 1,
    retry: FAST_RETRY,
    ...overrides,
  });
}

/** Verifies `log` in a place, and repairs it from another. */
export function repair(
  log: KnownLog,
  place: string,
  repairFrom: string,
  overrides: Partial<VerifyOptions> = {},
): Promise<VerificationReport> {
  return verify(log, place, { repairFrom, ...overrides });
}

/** Changes one bit of objects of a log in a directory. */
export function damage(directory: string, log: TestLog, ...paths: readonly string[]): void {
  for (const path of paths) {
    const good = log.object(path);
    writeFiles(directory, [[path, flippedBit(good, good.length - 1)]]);
  }
}

export function pathsOf({ findings }: Pick<VerificationReport, "findings">): string[] {
  return findings.map(({ path }) => path);
}
