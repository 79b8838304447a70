/** Static CT logs for a test to move, and what must hold once TesseraCT takes the copy over. */

import { join } from "node:path";
import { expect } from "vitest";
import type { MigrationOptions } from "../../../lib/index.ts";
import { migrate, staticCtVerifier } from "../../../lib/index.ts";
import { migrationOptions } from "../migration.ts";
import { memoryDirectory } from "../places/directory.ts";
import type { CtIdentity, CtKey, CtLog, CtReport } from "./ct-logs.ts";
import { checkPrecertificates, readWithSunlight } from "./ct-readers.ts";
import { ISSUERS, precertificatesAmong, type SubmissionReport, submitChains } from "./ct-submissions.ts";
import { type Directory, stateOf, urlOf } from "./homes.ts";
import { fsckStaticCt, startTesseraCT } from "./tesseract.ts";
import { type CtHome, monitoringUrlOf, type TesseraCT } from "./tesseract-homes.ts";

/** Whose log it is that moves. */
export const IDENTITY: CtIdentity = { origin: "ct.log.example/2026h1", key: "the log's key" };
/** Seed of the authorities whose chains the log has when it moves: chain n for every n below its size. */
export const FIRST = "before the move";
/** Seed of those whose chains it gets at its new home. */
const NEXT = "after the move";
const APPENDED = 300;

/** A log that is to move, which nothing writes to any more. */
export interface MovingLog extends CtIdentity, CtKey, CtReport {
  readonly indices: readonly number[];
}

/** A new path for a log: nothing is there yet. The directory above it is removed when the test ends. */
export function newCtDirectory(): Directory {
  return { dir: join(memoryDirectory(), "log") };
}

/** @param indexed whether its antispam index has all entries in the end. */
export async function tesseraCTLog(home: CtHome, size: number, { indexed = false } = {}): Promise<MovingLog> {
  await using log = await startTesseraCT({ ...home, ...IDENTITY, authorities: [FIRST] });
  const indices = await fillLog(log, size);
  if (indexed) await expectIndexed(log, size);
  const report = await log.stop();
  expect(report.size).toBe(size);
  return { ...IDENTITY, publicKey: log.publicKey, vkey: log.vkey, ...report, indices };
}

/** Submits the chains of a new log, and returns their indices. */
export async function fillLog(log: CtLog, size: number): Promise<readonly number[]> {
  const { indices } = await submitChains(log, { authorities: FIRST, count: size });
  expectFrom(0, indices);
  return indices;
}

/** Moves a log, trusted by its public key, to a new home, and has it checked beyond its leaf hashes. */
export async function moveLog(
  log: MovingLog,
  source: string,
  target: CtHome,
  overrides: Partial<MigrationOptions> = {},
): Promise<void> {
  const policy = { verifiers: [staticCtVerifier(log.publicKey, log.origin)] };
  const known = { vkey: log.vkey, format: "static-ct" } as const;
  // Skylight slows down clients that name no contact.
  const access = { userAgentVersion: "test", contact: "operator@log.test" };
  const targetOptions = stateOf(target);
  const options = { policy, targetOptions, access, workers: 2, deep: true, ...overrides };
  const report = await migrate(migrationOptions(known, source, urlOf(target), options));
  const { size, rootHash } = log;
  const outcome = overrides.handOver === false ? "ready-for-handover" : "handed-over";
  expect(report).toMatchObject({ outcome, size, rootHash });
  const extraData = {
    issuers: ISSUERS,
    missingIssuers: 0,
    deep: true,
    reencodedEntries: 0,
    uncheckedEntries: 0,
  };
  expect(report.extraData).toMatchObject(extraData);
}

/**
 * Has TesseraCT take over a copy of a log, with chains of authorities that the log has not seen. Expects them to get
 * the indices that follow, the whole log to be sound with the issuers of before and now, and chains of before to be
 * known. Returns what became of the new chains.
 */
export async function expectTesseraCTTakesOver(home: CtHome, log: MovingLog): Promise<SubmissionReport> {
  const { origin, key, size, publicKey } = log;
  await using taken = await startTesseraCT({ ...home, origin, key, authorities: [FIRST, NEXT] });
  expect(taken).toMatchObject({ sizeBefore: size, publicKey });
  const submitted = await submitChains(taken, { authorities: NEXT, count: APPENDED });
  expectFrom(size, submitted.indices);

  const grown = size + APPENDED;
  const [before, after] = [precertificatesAmong(size), precertificatesAmong(APPENDED)];
  const url = monitoringUrlOf(home) ?? `file://${(home as Directory).dir}`;
  const rootHash = await expectSound({ url, origin, publicKey }, grown, {
    issuers: 2 * ISSUERS,
    precertificates: before.precertificates + after.precertificates,
    bySigningCertificate: before.bySigningCertificate + after.bySigningCertificate,
  });
  await expectChainsKnown(taken, log, grown);
  expect(await taken.stop()).toMatchObject({ size: grown, rootHash });
  return submitted;
}

/**
 * Expects a log to be sound in the eyes of TesseraCT's fsck and of Sunlight's client, and its precertificates in
 * those of certificate-transparency-go. Returns the root hash.
 */
export async function expectSound(
  log: { readonly url: string; readonly origin: string; readonly publicKey: string },
  size: number,
  contents: {
    readonly issuers: number;
    readonly precertificates: number;
    readonly bySigningCertificate: number;
  },
): Promise<string> {
  const { issuers, precertificates, bySigningCertificate } = contents;
  const { rootHash, ...checked } = await fsckStaticCt(log);
  expect(checked).toEqual({ size });
  const read = { origin: log.origin, size, rootHash, entries: size, precertificates, issuers };
  expect(await readWithSunlight(log)).toEqual(read);
  expect(await checkPrecertificates(log)).toEqual({ precertificates, bySigningCertificate });
  return rootHash;
}

/** Expects chains that are in the log to be answered with the index that they have, once TesseraCT has read them. */
async function expectChainsKnown(taken: TesseraCT, log: MovingLog, size: number): Promise<void> {
  await expectIndexed(taken, size);
  const again = await submitChains(taken, { authorities: FIRST, count: Math.min(8, log.size) });
  expect(again.indices).toEqual(log.indices.slice(0, 8));
}

/** Expects TesseraCT's antispam index to come to so many entries. */
async function expectIndexed(log: TesseraCT, size: number): Promise<void> {
  await expect.poll(() => log.indexed(), { timeout: 60_000 }).toBe(size);
}

/** Expects indices to follow one another from `first`, in whatever order. */
function expectFrom(first: number, indices: readonly number[]): void {
  expect([...indices].sort((a, b) => a - b)).toEqual(indices.map((_, n) => first + n));
}
