/**
 * Gives files that a repair adds the owner and mode of their directory, so that the log software of another user can
 * still use its log.
 */

import fs from "node:fs";
import { dirname } from "node:path";
import { closeQuietly } from "./regular-file.ts";

/** What a file shares with its directory: reading and writing. */
const FILE_BITS = 0o666;
/** A directory also entering, and passing its group on. */
const DIRECTORY_BITS = 0o2777;

/** Gives an open file, or directory, owner and mode of the directory that it is in. */
export function inherit(fd: number, parent: string): void {
  const { uid, gid, mode } = fs.statSync(parent);
  // Nobody else may give files away.
  if (process.geteuid?.() === 0) fs.fchownSync(fd, uid, gid);
  fs.fchmodSync(fd, mode & (fs.fstatSync(fd).isDirectory() ? DIRECTORY_BITS : FILE_BITS));
}

/** The same for a directory that was just created: through no link, or root could be made to give away another. */
export function inheritDirectory(path: string): void {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
  const fd = fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    inherit(fd, dirname(path));
  } finally {
    closeQuietly(fd);
  }
}
