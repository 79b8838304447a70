/** Verifications in this process, and logs to verify. */

import { type VerificationReport, type VerifyOptions, verifyLog } from "../../lib/index.ts";
import { parseVkey } from "../../lib/tlog/vkey.ts";
import type { KnownLog } from "./migration.ts";

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
    ...overrides,
  });
}

export function pathsOf({ findings }: Pick<VerificationReport, "findings">): string[] {
  return findings.map(({ path }) => path);
}
