/**
 * The private state of Tessera's POSIX driver: the files of `.state/` that decide whether an Appender starts, and where
 * it continues (storage/posix/files.go of github.com/transparency-dev/tessera, v1.0.4).
 */

import type { IntegratedTree } from "../../lib/migrate/ports/target.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { formatHash, HASH_SIZE } from "../../lib/tlog/merkle.ts";

/** Directory of the private state, below the log's root. */
export const STATE_DIRECTORY = ".state";

/** Every lifecycle reads it once before anything else; it refuses anything but `1`, and prints it. */
export const VERSION_FILE = `${STATE_DIRECTORY}/version`;

/** Size and root of the integrated tree: trusted and signed by the Appender. */
export const TREE_STATE_FILE = `${STATE_DIRECTORY}/treeState`;

/** Where the collection of obsolete partial tiles continues. */
export const COLLECTION_STATE_FILE = `${STATE_DIRECTORY}/gcState`;

/** Ours, next to Tessera's: the record of a finished migration. */
export const RECORD_FILE = `${STATE_DIRECTORY}/tlog-migrate.json`;

/** The one version of the state directory that Tessera's lifecycles accept. */
export const COMPATIBLE_VERSION = "1";

/** The bytes of `.state/treeState`. */
export function formatTreeState({ size, rootHash }: IntegratedTree): Uint8Array {
  return Buffer.from(JSON.stringify({ size, root: formatHash(rootHash) }));
}

/** @throws FormatError if it is not a tree state. */
export function parseTreeState(bytes: Uint8Array): IntegratedTree {
  const { size, root } = parseObject(bytes);
  const rootHash = typeof root === "string" ? Buffer.from(root, "base64") : undefined;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw new FormatError("is not a tree state: its size is not a count of entries");
  }
  if (rootHash?.length !== HASH_SIZE) throw new FormatError("is not a tree state: its root is not a hash");
  return { size, rootHash };
}

/** The bytes of `.state/gcState`. */
export function formatCollectionState(fromSize: number): Uint8Array {
  return Buffer.from(JSON.stringify({ fromSize }));
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw new FormatError("is not a tree state: not a JSON object");
}
