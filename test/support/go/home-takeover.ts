/** Copies of logs into directories and buckets, and what the real Tessera makes of them. */

import { expect } from "vitest";
import { type MigrationOptions, type MigrationReport, migrate } from "../../../lib/index.ts";
import { type KnownLog, migrationOptions } from "../migration.ts";
import { type Home, stateOf, urlOf } from "./homes.ts";
import { fsck, type LogIdentity, type LogReport, TesseraError, takeOver } from "./tessera.ts";

const APPENDED = 300;

/** Copies a log, trusted by its own key, to a home. A log of unknown format is one of tlog-tiles. */
export function copyTo(
  home: Home,
  source: string,
  { vkey, format = "tiles" }: Pick<KnownLog, "vkey"> & Partial<KnownLog>,
  overrides: Partial<MigrationOptions> = {},
): Promise<MigrationReport> {
  const options = { targetOptions: stateOf(home), workers: 2, ...overrides };
  return migrate(migrationOptions({ vkey, format }, source, urlOf(home), options));
}

/** Expects Tessera's Appender to go on at the log's size, and its fsck to pass. */
export async function expectAppends(
  home: Home,
  log: Pick<LogReport, "size" | "vkey">,
  { origin, key }: Omit<LogIdentity, "dir">,
  ct = false,
): Promise<void> {
  const grown = log.size + APPENDED;
  const taken = await takeOver({ ...home, origin, key, ct, add: APPENDED });
  expect(taken).toMatchObject({
    sizeBefore: log.size,
    indices: [log.size, grown - 1],
    contiguous: true,
    size: grown,
    vkey: log.vkey,
  });
  expect(await fsck({ ...home, vkey: log.vkey, ct })).toMatchObject({ ok: true, size: grown });
}

/** Whether Tessera opens a log, of which it does not know the key: it appends to it, or refuses to start. */
export async function opens(home: Home, { size }: { readonly size: number }): Promise<boolean> {
  try {
    const taken = await takeOver({ ...home, origin: "log.example/another", key: "k", add: APPENDED });
    const indices = [size, size + APPENDED - 1];
    expect(taken).toMatchObject({ sizeBefore: size, contiguous: true, indices });
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(TesseraError);
    expect(String(error)).toContain("compatibilityVersion (0)");
    return false;
  }
}
