/** Whether places can be written, asked before anything is measured. Errors are one line. */

import { accessSync, constants, mkdirSync, mkdtempSync, rmdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Makes a directory and those above it. @throws Error where that cannot be. */
export function makeDirectory(path: string): void {
  const directory = resolve(path);
  const status = statSync(directory, { throwIfNoEntry: false });
  if (status?.isDirectory()) return;
  if (status !== undefined) throw new Error(`${path} is not a directory`);
  if (dirname(directory) !== directory) makeDirectory(dirname(directory));
  // One by one: Node's own `recursive` never ends below /proc, where the kernel says ENOENT for what is there.
  mkdirSync(directory);
}

/** @throws Error if no file can be made in a directory. Modes do not tell: root passes them, /proc has them. */
export function requireWritableDirectory(directory: string): void {
  try {
    rmdirSync(mkdtempSync(join(directory, ".tlog-migrate-bench-")));
  } catch (error) {
    throw new Error(`nothing can be written into ${directory} (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** @throws Error if a file can be neither written nor made. */
export function requireWritableFile(file: string): void {
  const status = statSync(file, { throwIfNoEntry: false });
  if (status === undefined) requireWritableDirectory(dirname(resolve(file)));
  else if (status.isDirectory()) throw new Error(`${file} is a directory`);
  else accessSync(file, constants.W_OK);
}
