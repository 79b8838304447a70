/** Sources that serve something else than their log, and what a migration must make of it. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { TargetRefusedError, VerificationError } from "../../../lib/errors.ts";
import type { MigrationOptions } from "../../../lib/migrate/options/options.ts";
import type { TestLog } from "../logs/generated-log.ts";
import { expectFailure, migrateLog } from "../migration.ts";
import {
  filesBelow,
  filesContaining,
  memoryDirectory,
  temporaryFiles,
  versionOf,
} from "../places/directory.ts";
import type { Interceptor, LogServer } from "./misbehaving-log-server.ts";

/** A copy of `bytes` with one bit of the byte at `position` turned over. */
export function flippedBit(bytes: Uint8Array, position: number, bit = 0): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[position] = (flipped[position] as number) ^ (1 << bit);
  return flipped;
}

export function answerWith(bytes: Uint8Array, headers: Record<string, string> = {}): Interceptor {
  return (_request, response) => {
    response.writeHead(200, { "content-length": String(bytes.length), ...headers }).end(bytes);
  };
}

export const notFound: Interceptor = (_request, response) => {
  response.writeHead(404, { "content-length": "0" }).end();
};

export interface TamperedRun {
  readonly log: TestLog;
  readonly server: LogServer;
  /** The object that is tampered with. */
  readonly path: string;
  readonly answer: Interceptor;
  /** Bytes that only the tampered object has; none of the target's files may hold them. */
  readonly badBytes?: Uint8Array;
  readonly overrides?: Partial<MigrationOptions>;
}

/**
 * Copies from a source that answers for one object as told, and expects what promise 1 says: the migration
 * fails with a verification failure that names the object, which is not in the target, nor are its bad bytes,
 * and the target is still claimed, or not even that.
 */
export async function expectTamperingFound(run: TamperedRun): Promise<void> {
  const { log, server, path, answer, badBytes, overrides = {} } = run;
  const target = memoryDirectory();
  const undo = server.intercept(path, answer);
  try {
    await expectNotVerified(migrateLog(log, server, target, overrides), path);
  } finally {
    undo();
  }
  if (filesBelow(target).length > 0) expectUnfinished(target);
  expect(existsSync(join(target, path)), `${path} is in the target`).toBe(false);
  if (badBytes !== undefined) expect(filesContaining(target, badBytes)).toEqual([]);
}

/** A target that no log software will start on: claimed, without a tree state, without debris of ours. */
export function expectUnfinished(target: string): void {
  expect(versionOf(target)).toMatch(/^migration-in-progress \{/);
  expect(existsSync(join(target, ".state/treeState"))).toBe(false);
  expect(existsSync(join(target, "checkpoint"))).toBe(false);
  expect(temporaryFiles(target)).toEqual([]);
}

/** Expects a refusal, of which the message matches. */
export function expectRefused(migration: ReturnType<typeof migrateLog>, message: RegExp): Promise<void> {
  return expectFailure(migration, TargetRefusedError, message);
}

/** Expects a failed verification, of which the message holds the text or matches. */
export function expectNotVerified(
  migration: ReturnType<typeof migrateLog>,
  message: string | RegExp,
): Promise<void> {
  return expectFailure(migration, VerificationError, message);
}
