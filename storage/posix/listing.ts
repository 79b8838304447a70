/**
 * The files below a directory. Symbolic links are refused: through one, a copy would write into another log, or a
 * "copied" object would vanish with the log that it was copied from.
 */

import fs from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { TargetRefusedError } from "../../lib/errors.ts";
import type { StoredObject } from "../../lib/migrate/ports/target.ts";
import { parseResourcePath } from "../../lib/tlog/layout.ts";
import { ifPresent } from "./errno.ts";

/**
 * Every file below `directory`, a path below `root`, in no order. A directory that has the name of an object is
 * listed as an object of 0 bytes.
 * @throws TargetRefusedError at a symbolic link.
 */
export async function* listObjects(root: string, directory: string): AsyncGenerator<StoredObject> {
  const waiting = [directory];
  // One generator for all directories: measured, each level of a recursion adds a tenth to the cost of an object.
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    // The calls below are synchronous, which is fastest; other work runs between directories.
    await setImmediate();
    requireNoLink(join(root, at));
    for (const entry of ifPresent(() => fs.readdirSync(join(root, at), { withFileTypes: true })) ?? []) {
      const path = `${at}/${entry.name}`;
      if (entry.isSymbolicLink()) throw linkRefused(join(root, path));
      if (!entry.isDirectory()) {
        // Log software may have removed it since.
        const stat = fs.lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
        if (stat === undefined) continue;
        yield stat.nlink > 1 ? { path, bytes: stat.size, isShared: true } : { path, bytes: stat.size };
        continue;
      }
      if (parseResourcePath(path) !== undefined) yield { path, bytes: 0 };
      waiting.push(path);
    }
  }
}

/** @throws TargetRefusedError if `path` is a symbolic link, even a dangling one. */
export function requireNoLink(path: string): void {
  if (fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) throw linkRefused(path);
}

/** The refusal of a symbolic link in a target. */
export function linkRefused(path: string): TargetRefusedError {
  return new TargetRefusedError({
    object: path,
    problem: "is a symbolic link: writes through it would end up elsewhere",
    advice: "Remove the link, or choose an empty target",
  });
}
