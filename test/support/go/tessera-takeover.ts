/** Logs that Tessera makes for a test to copy, and what must hold once Tessera takes the copy over. */

import fs from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { bundlePath, type LogFormat, partialTile } from "../../../lib/tlog/layout.ts";
import { memoryDirectory } from "../places/directory.ts";
import { filesLost, filesOfSize, grownEdgeBundle, type LogFiles, readLog } from "./log-files.ts";
import {
  fsck,
  type LogContents,
  type LogIdentity,
  type LogReport,
  makeCtLog,
  makeLog,
  takeOver,
} from "./tessera.ts";

/** Entries that Tessera adds when it takes over. */
export const APPENDED = 300;

export interface TesseraLog extends LogReport, LogIdentity {
  readonly format: LogFormat;
  readonly files: LogFiles;
  /** Tessera's private tree state, as it wrote it. */
  readonly treeState: string;
}

/** A log made by Tessera's Appender, in a directory that is removed when the test ends. */
export async function tesseraLog(
  size: number,
  options: Partial<LogContents> & { readonly format?: LogFormat } = {},
): Promise<TesseraLog> {
  const { format = "tiles", ...others } = options;
  const [make, origin] =
    format === "tiles"
      ? ([makeLog, "log.example/moving"] as const)
      : ([makeCtLog, "ct.log.example/2026h1"] as const);
  const identity = { dir: join(memoryDirectory(), "source"), origin, key: "the log's key" };
  const report = await make({ ...identity, ...others, size });
  const [files, treeState] = [readLog(identity.dir), treeStateOf(identity.dir)];
  return { ...identity, ...report, format, files, treeState };
}

export function treeStateOf(directory: string): string {
  return fs.readFileSync(join(directory, ".state/treeState"), "utf8");
}

/** The tiles and bundles of the log's own size. */
export function ownFiles({ files, format, size }: Pick<TesseraLog, "files" | "format" | "size">): LogFiles {
  return filesOfSize(files, format, size);
}

/** A new path for a copy: nothing is there yet. The directory above it is removed when the test ends. */
export function newTarget(): string {
  return join(memoryDirectory(), "target");
}

/**
 * Has Tessera's Appender take over a copy of a log and append to it. Expects it to go on at the log's size, its
 * checkpoint to cover what it appended, Tessera's fsck to pass, and every file of before to be still there.
 */
export async function expectTakenOver(
  dir: string,
  log: Pick<TesseraLog, "origin" | "key" | "format" | "vkey" | "size" | "files">,
): Promise<void> {
  const { origin, key, format, vkey, size } = log;
  const [ct, grown] = [format === "static-ct", size + APPENDED];
  const taken = await takeOver({ dir, origin, key, ct, add: APPENDED });
  expect(taken).toMatchObject({
    sizeBefore: size,
    indices: [size, grown - 1],
    contiguous: true,
    size: grown,
    vkey,
  });
  expect(fs.readFileSync(join(dir, "checkpoint"), "utf8")).toBe(taken.checkpoint);
  expect(await fsck({ dir, vkey, ct })).toEqual({ ok: true, origin, size: grown, rootHash: taken.rootHash });

  const before = ownFiles(log);
  expect(filesLost(dir, before)).toEqual([]);
  const edge = partialTile(size, 0);
  if (edge === undefined) return;
  const entries = before.get(bundlePath(format, edge)) as Buffer;
  expect(grownEdgeBundle(dir, format, size, grown).subarray(0, entries.length)).toEqual(entries);
}
