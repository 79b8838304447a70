/**
 * The private state of a log in a directory: the files of `.state/` decide whether Tessera's Appender starts, and where
 * it continues (storage/posix/files.go of github.com/transparency-dev/tessera, v1.0.4). Our claim is a text in
 * `.state/version`, where its lifecycles accept one number alone.
 */

import fs from "node:fs";
import { dirname, join } from "node:path";
import { shellWord, TargetRefusedError } from "../../lib/errors.ts";
import type { IntegratedTree, TargetContents, TreeState } from "../../lib/migrate/ports/target.ts";
import { attempt, FormatError } from "../../lib/tlog/errors.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { formatHash, HASH_SIZE } from "../../lib/tlog/merkle.ts";
import { markerIn } from "../shared/claim-text.ts";
import { fileFailure } from "./errno.ts";
import { lockIsHeld } from "./file-locks.ts";
import { goBytes, goCount, goFields } from "./go-json.ts";
import { listObjects } from "./listing.ts";
import { realPath } from "./overlap.ts";
import { smallFileText } from "./regular-file.ts";

/** Paths below the log's root. */
export const STATE = {
  directory: ".state",
  /** Every lifecycle reads it once before anything else; it refuses anything but `1`, and prints it. */
  version: ".state/version",
  /** Size and root of the integrated tree: trusted and signed by the Appender. */
  tree: ".state/treeState",
  /** Where the collection of obsolete partial tiles continues. */
  collection: ".state/gcState",
  /** Ours, as what follows: the record of a finished migration. */
  record: ".state/tlog-migrate.json",
  issuers: ".state/tlog-migrate-issuers.json",
  lock: ".state/tlog-migrate.lock",
  /** A lock for each copy that does a part. */
  parts: ".state/tlog-migrate.parts",
  temporaries: ".state/tlog-migrate.tmp",
} as const;

/** Tessera's locks: made at its start, also by one that is refused, and never removed. */
const LOCKS: ReadonlySet<string> = new Set(
  ["treeState", "publish", "gcState"].map((name) => `.state/${name}.lock`),
);

/** The one version of the state directory that Tessera's lifecycles accept. */
export const COMPATIBLE_VERSION = "1";

/** Longer than any marker: it holds a checkpoint, which is at most 1 MiB, as a string of JSON. */
const MAX_STATE_BYTES = 8 << 20;

/**
 * The text of a file of the state, undefined if there is none.
 * @throws FormatError if it is not a file of text that can be a state, OperationError if it cannot be read.
 */
export function stateText(root: string, name: string): string | undefined {
  const path = join(root, name);
  try {
    return smallFileText(path, MAX_STATE_BYTES);
  } catch (error) {
    throw error instanceof FormatError ? error : fileFailure(error, path);
  }
}

/** What is in and around a directory that a migration is to write. Changes nothing. */
export async function inspectDirectory(root: string): Promise<TargetContents> {
  const enclosing = enclosingLog(root);
  if (enclosing !== undefined) return occupied(`a directory inside the log ${enclosing}`);
  const stat = fs.statSync(root, { throwIfNoEntry: false });
  if (stat === undefined) return { kind: "empty" };
  if (!stat.isDirectory()) return occupied("a file, not a directory");
  for (const name of [STATE.version, STATE.record, STATE.tree]) {
    const problem = problemOf(() => stateText(root, name));
    if (problem !== undefined) return occupied(`${name} ${problem}`);
  }
  const version = stateText(root, STATE.version);
  const marker = markerIn(version);
  if (marker !== undefined) return { kind: "claimed", marker };
  const record = stateText(root, STATE.record);
  const tree = stateText(root, STATE.tree);
  if (version === COMPATIBLE_VERSION && record !== undefined && tree !== undefined) {
    return { kind: "handed-over", record };
  }
  if (tree !== undefined) return occupied(`a log with the tree state ${tree.slice(0, 200)}`);
  if (version !== undefined) {
    return occupied(`log software has opened it (${STATE.version}: ${version.slice(0, 100)})`);
  }
  if (fs.lstatSync(join(root, CHECKPOINT_PATH), { throwIfNoEntry: false })) return occupied("a checkpoint");
  for await (const { path } of listObjects(root, "tile")) return { kind: "unclaimed-tiles", example: path };
  return { kind: "empty" };
}

/**
 * Another copy may have raised the aim, or handed the target over, while this one was suspended.
 * @param guard the file that log software reads first.
 * @throws TargetRefusedError unless a directory is still claimed; given a marker, by exactly that one.
 */
export function requireClaim(root: string, marker?: string, guard: string = STATE.version): void {
  const version = attempt(() => stateText(root, guard));
  const found = markerIn(version);
  if (found !== undefined && (marker === undefined || found === marker)) return;
  throw new TargetRefusedError({
    object: join(root, guard),
    problem: "is not this copy's claim any more",
    found: version?.slice(0, 200) ?? "no text",
    advice:
      "Another copy was at work here, or log software was: find out which, then run the same command again",
  });
}

/**
 * @throws TargetRefusedError unless the private state is, byte for byte, what a handover wrote, and no log software is
 * at work there.
 * @param expected texts of the version and, unless it may be gone, of the record.
 */
export function requireUntouchedState(
  root: string,
  { collectFrom, ...tree }: TreeState,
  { version, record }: { readonly version: string; readonly record: string | undefined },
): void {
  const texts: [name: string, expected: string][] = [
    [STATE.version, version],
    [STATE.tree, Buffer.from(formatTreeState(tree)).toString()],
    [STATE.collection, formatCollection(collectFrom)],
    ...(record === undefined ? [] : [[STATE.record, record] as [string, string]]),
  ];
  const refuse = (
    object: string,
    problem: string,
    advice = "The target is the log now; nothing was changed",
  ) => new TargetRefusedError({ object: join(root, object), problem, advice });
  for (const [name, expected] of texts) {
    if (attempt(() => stateText(root, name)) !== expected)
      throw refuse(name, "is not as the handover wrote it");
  }
  for (const name of fs.readdirSync(join(root, STATE.directory))) {
    const path = `${STATE.directory}/${name}`;
    if (name.startsWith("tlog-migrate") || texts.some(([known]) => known === path)) continue;
    if (!LOCKS.has(path)) throw refuse(path, "was made by log software");
    const isHeld = lockIsHeld(join(root, path));
    const problem = isHeld
      ? "is locked: log software is at work here"
      : "was made by log software, which may be at work: between two checkpoints it holds no lock";
    // An Appender creates its lock before it reads the version, and leaves it: only who runs it knows if it has ended.
    const remove = `remove ${shellWord(join(root, path))}, and run this command again`;
    throw refuse(path, problem, `Stop all log software of this log permanently, on every machine, ${remove}`);
  }
}

export function formatCollection(fromSize: number): string {
  return JSON.stringify({ fromSize });
}

export function formatTreeState({ size, rootHash }: IntegratedTree): Uint8Array {
  return Buffer.from(JSON.stringify({ size, root: formatHash(rootHash) }));
}

/** The tree state as log software reads it. @throws FormatError if that does not, or we cannot count so far. */
export function parseTreeState(text: string): IntegratedTree {
  const fields = goFields(text, ["size", "root"]);
  return { size: goCount(fields, "size"), rootHash: goBytes(fields, "root", HASH_SIZE) };
}

/** What is wrong with the format of what is read, undefined if nothing is. */
export function problemOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
}

/** A directory above `root` that contains a log, or undefined: writing to `root` would add to that log's files. */
export function enclosingLog(root: string): string | undefined {
  const real = realPath(root);
  for (let at = dirname(real); at !== dirname(at); at = dirname(at)) {
    const holds = [CHECKPOINT_PATH, STATE.directory].some((name) => fs.existsSync(join(at, name)));
    if (holds && fs.existsSync(join(at, "tile"))) return at;
  }
  return undefined;
}

export function occupied(found: string): TargetContents {
  return { kind: "occupied", found };
}
