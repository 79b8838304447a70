/** Plans and statuses in this process, and what a test compares them with. */

import { statSync } from "node:fs";
import { join } from "node:path";
import { type PlanReport, planMigration, type TargetStatus, targetStatus } from "../../lib/index.ts";
import type { MigrationOptions } from "../../lib/migrate/options/options.ts";
import { type KnownLog, migrationOptions } from "./migration.ts";
import { filesBelow } from "./places/directory.ts";

/** What a migration of `log` would do. */
export function planLog(
  log: KnownLog,
  source: { readonly url: string },
  target: string,
  overrides: Partial<MigrationOptions> = {},
): Promise<PlanReport> {
  return planMigration(migrationOptions(log, source.url, target, overrides));
}

export function statusOf(target: string): Promise<TargetStatus> {
  return targetStatus({ target, access: { userAgentVersion: "test" } });
}

/** Objects of the log, and their bytes, that a directory has. */
export function storedIn(target: string): { objects: number; bytes: number } {
  const paths = filesBelow(target).filter((path) => /^(tile|issuer)\//.test(path));
  return {
    objects: paths.length,
    bytes: paths.reduce((total, path) => total + statSync(join(target, path)).size, 0),
  };
}
