/** Migrations in this process: what a test of the engine runs, and how it looks at what came of it. */

import { expect } from "vitest";
import { type AbandonReport, abandon, migrate } from "../../lib/index.ts";
import type { MigrationOptions } from "../../lib/migrate/options/options.ts";
import type { MigrationReport } from "../../lib/migrate/report/report.ts";
import type { RetryPolicy } from "../../lib/migrate/throttle/backoff.ts";
import { parseVkey } from "../../lib/tlog/vkey.ts";
import { type LogServer, startLogServer } from "./http/misbehaving-log-server.ts";
import type { TestLog } from "./logs/generated-log.ts";
import { memoryDirectory } from "./places/directory.ts";

/** Patience for tests: every retry that the rules ask for, and no time between them. */
export const FAST_RETRY: RetryPolicy = {
  attempts: 2,
  minDelayMs: 1,
  maxDelayMs: 5,
  maxRetryAfterMs: 50,
  contentAttempts: 5,
};

export type KnownLog = Pick<TestLog, "vkey" | "format">;

/** The options of a migration of `log`, which trusts the log's own key. */
export function migrationOptions(
  log: KnownLog,
  source: string,
  target: string,
  overrides: Partial<MigrationOptions> = {},
): MigrationOptions {
  return {
    source,
    target,
    format: log.format,
    tool: "tlog-migrate test",
    policy: { verifiers: [parseVkey(log.vkey)] },
    access: { userAgentVersion: "test" },
    retry: FAST_RETRY,
    workers: 1,
    handOver: true,
    settleMs: 0,
    ...overrides,
  };
}

/** Runs a migration of `log` from a served copy of it into a directory. */
export function migrateLog(
  log: KnownLog,
  source: { readonly url: string },
  target: string,
  overrides: Partial<MigrationOptions> = {},
): Promise<MigrationReport> {
  return migrate(migrationOptions(log, source.url, target, overrides));
}

/** Gives up the claim or the handover of a directory. */
export function abandonTarget(target: string): Promise<AbandonReport> {
  return abandon({ target, access: { userAgentVersion: "test" } });
}

export async function newCopy(log: Pick<TestLog, "objects">): Promise<{ server: LogServer; target: string }> {
  return { server: await startLogServer(log.objects), target: memoryDirectory() };
}

/** Expects a failure of this kind, of which the message holds the text or matches. */
export async function expectFailure(
  migration: Promise<MigrationReport>,
  kind: new (...args: never[]) => Error,
  message: string | RegExp,
): Promise<void> {
  const failure = await failureOf(migration);
  expect(failure, failure.stack).toBeInstanceOf(kind);
  expect(failure.message).toMatch(message);
}

/** The failure that a migration ends with. A migration that ends well is an error. */
export async function failureOf(migration: Promise<unknown>): Promise<Error> {
  try {
    await migration;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("the migration ended well");
}
