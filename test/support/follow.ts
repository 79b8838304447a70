/** Copies in this process that follow their source, and cutovers of them. */

import { expect, onTestFinished, vi } from "vitest";
import { type CutoverReport, cutover, follow, type MigrationReport } from "../../lib/index.ts";
import type { CutoverOptions, FollowOptions } from "../../lib/migrate/options/options.ts";
import { Progress } from "../../lib/migrate/report/progress.ts";
import type { LogServer } from "./http/misbehaving-log-server.ts";
import type { TestLog } from "./logs/generated-log.ts";
import { type KnownLog, migrationOptions } from "./migration.ts";

export interface Following {
  readonly progress: Progress;
  readonly notices: readonly string[];
  /** Resolves, or rejects, when it has ended. */
  readonly end: Promise<MigrationReport>;
  stop(): void;
}

/**
 * Follows a served log into a directory until it ends, or the test does. Call it within a test.
 * @param followed for a queue of the test's own.
 */
export function startFollow(
  log: KnownLog,
  source: string,
  target: string,
  overrides: Partial<FollowOptions> = {},
  followed: (options: FollowOptions) => Promise<MigrationReport> = follow,
): Following {
  const { handOver: _, ...options } = migrationOptions(log, source, target);
  const [progress, notices, controller] = [new Progress(), [] as string[], new AbortController()];
  const stop = () => controller.abort(new Error("the test stops it"));
  const end = followed({
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

/** Serves a log that has grown: as on a real one, a partial object remains when there is a larger one. */
export function grow(server: LogServer, to: Pick<TestLog, "objects">): void {
  server.objects = new Map([...server.objects, ...to.objects]);
}

/** Resolves when all of a tree has arrived; of a mirror, when it is published. */
export async function reached(following: Following, size: number): Promise<void> {
  await expect.poll(() => following.progress.following?.copied, { timeout: 20_000 }).toBe(size);
}

/** A clock of this process that a test can put forward. Call it within a test. */
export function movableClock(): { forward(milliseconds: number): void } {
  const real = performance.now.bind(performance);
  let skipped = 0;
  const spy = vi.spyOn(performance, "now").mockImplementation(() => real() + skipped);
  onTestFinished(() => spy.mockRestore());
  return {
    forward(milliseconds) {
      skipped += milliseconds;
    },
  };
}
