/** Reads files of a target, in whose place others may have put anything. */

import fs from "node:fs";
import { errnoCode } from "./errno.ts";
import { closeQuietly } from "./regular-file.ts";

/** A FIFO must not hang the reader; a symbolic link is not followed. */
const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOFOLLOW;

/** A file of at most `maxBytes`; a larger one is returned cut to one byte more, so that it is never right. */
export function readUpTo(path: string, maxBytes: number): Uint8Array | undefined {
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  // To open a device may be to act on it. A directory is reported as one.
  if (!found.isFile() && !found.isDirectory()) return new Uint8Array(0);
  let fd: number;
  try {
    fd = fs.openSync(path, READ_FLAGS);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return undefined;
    // A symbolic link is not an object, wherever it leads.
    if (errnoCode(error) === "ELOOP") return new Uint8Array(0);
    throw error;
  }
  try {
    const bytes = Buffer.allocUnsafeSlow(Math.min(fs.fstatSync(fd).size, maxBytes + 1));
    return bytes.subarray(0, fs.readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeQuietly(fd);
  }
}
