/** The files below a directory that is only read. Symbolic links are neither followed nor listed. */

import fs from "node:fs/promises";
import { join } from "node:path";
import type { ListedObject } from "../../lib/migrate/ports/source.ts";
import { errnoCode } from "./errno.ts";

/**
 * Every file below `root` but those that are known by their path there, in no order.
 * @throws the failed system call.
 */
export async function* otherFiles(
  root: string,
  isKnown: (path: string) => boolean,
): AsyncGenerator<ListedObject> {
  const waiting = [""];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const entry of await ifThere(fs.readdir(join(root, at), { withFileTypes: true }), [])) {
      const path = at === "" ? entry.name : `${at}/${entry.name}`;
      if (entry.isDirectory()) waiting.push(path);
      if (!entry.isFile() || isKnown(path)) continue;
      const stat = await ifThere(fs.lstat(join(root, path)), undefined);
      if (stat !== undefined) yield { path, bytes: stat.size };
    }
  }
}

/** Log software may have removed it since. */
async function ifThere<T>(looking: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await looking;
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return otherwise;
    throw error;
  }
}
