/** Copies in this process that follow their source, and cutovers of them. */

import { onTestFinished } from "vitest";
import { type CutoverReport, cutover, follow, type MigrationReport } from "../../lib/index.ts";
import type { CutoverOptions, FollowOptions } from "../../lib/migrate/options/options.ts";
import { Progress } from "../../lib/migrate/report/progress.ts";
import { type KnownLog, migrationOptions } from "./migration.ts";

export interface Following {
  readonly progress: Progress;
  readonly notices: readonly string[];
  /** Resolves, or rejects, when it has ended. */
  readonly end: Promise<MigrationReport>;
  stop(): void;
}

/** Follows a served log into a directory until it ends, or the test does. Call it within a test. */
export function startFollow(
  log: KnownLog,
  source: string,
  target: string,
  overrides: Partial<FollowOptions> = {},
): Following {
  const { handOver: _, ...options } = migrationOptions(log, source, target);
  const [progress, notices, controller] = [new Progress(), [] as string[], new AbortController()];
  const stop = () => controller.abort(new Error("the test stops it"));
  const end = follow({
    ...options,
    intervalMs: 20,
    progress,
    notice: (line) => notices.push(line),
    signal: controller.signal,
    ...overrides,
  });
  // What is not awaited by the test is nobody's failure.
  end.catch(() => {});
  onTestFinished(async () => {
    stop();
    await end.catch(() => {});
  });
  return { progress, notices, end, stop };
}

export function cutOver(target: string, overrides: Partial<CutoverOptions> = {}): Promise<CutoverReport> {
  return cutover({ target, access: { userAgentVersion: "test" }, ...overrides });
}
