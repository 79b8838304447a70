/** What is in and around a directory that a migration is to write. */

import fs from "node:fs";
import { dirname, join } from "node:path";
import type { TargetContents } from "../../lib/migrate/ports/target.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { markerIn, stateText } from "./claim.ts";
import { firstFile } from "./listing.ts";
import {
  COMPATIBLE_VERSION,
  RECORD_FILE,
  STATE_DIRECTORY,
  TREE_STATE_FILE,
  VERSION_FILE,
} from "./tessera-state.ts";

/** The contents of a directory. Changes nothing. */
export function inspectDirectory(root: string): TargetContents {
  const enclosing = enclosingLog(root);
  if (enclosing !== undefined) return { kind: "occupied", found: `a directory inside the log ${enclosing}` };
  const stat = fs.statSync(root, { throwIfNoEntry: false });
  if (stat === undefined) return { kind: "empty" };
  if (!stat.isDirectory()) return { kind: "occupied", found: "a file, not a directory" };
  const version = stateText(root, VERSION_FILE);
  const marker = markerIn(version);
  if (marker !== undefined) return { kind: "claimed", marker };
  const record = stateText(root, RECORD_FILE);
  const tree = stateText(root, TREE_STATE_FILE);
  if (version === COMPATIBLE_VERSION && record !== undefined && tree !== undefined) {
    return { kind: "handed-over", record };
  }
  if (tree !== undefined) return occupied(`a log with the tree state ${tree.slice(0, 200)}`);
  if (version !== undefined) {
    return occupied(`log software has opened it (${VERSION_FILE}: ${version.slice(0, 100)})`);
  }
  if (fs.lstatSync(join(root, CHECKPOINT_PATH), { throwIfNoEntry: false })) return occupied("a checkpoint");
  const example = firstFile(root, "tile");
  return example === undefined ? { kind: "empty" } : { kind: "unclaimed-tiles", example };
}

/** A directory above `root` that contains a log, or undefined: writing to `root` would add to that log's files. */
function enclosingLog(root: string): string | undefined {
  const real = realPath(root);
  for (let at = dirname(real); at !== dirname(at); at = dirname(at)) {
    const holds = [CHECKPOINT_PATH, STATE_DIRECTORY].some((name) => fs.existsSync(join(at, name)));
    if (holds && fs.existsSync(join(at, "tile"))) return at;
  }
  return undefined;
}

/** The path without symbolic links, as far as it exists. */
function realPath(path: string): string {
  if (fs.existsSync(path) || dirname(path) === path) return fs.realpathSync(path);
  return join(realPath(dirname(path)), path.slice(dirname(path).length));
}

function occupied(found: string): TargetContents {
  return { kind: "occupied", found };
}
