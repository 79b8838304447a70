/** The directories of a run, and those that earlier runs left because they were killed. */

import { hash } from "node:crypto";
import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { fileSystemOf, type Place } from "./places.ts";

/** Where its process counts, the number that it has there, and what makes the name unique. */
const NAME = /^tlog-migrate-bench-([0-9a-f]{8})-([1-9]\d{0,9})-\w{6}$/;

/** Makes a directory that says by its name which process it is of. */
export function newPlace(parent: string): Place {
  const directory = mkdtempSync(join(parent, `tlog-migrate-bench-${processSpace()}-${process.pid}-`));
  return { directory, fileSystem: fileSystemOf(directory) };
}

/** Removes all of it. */
export function removePlace({ directory }: Place): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}

/** Removes, and tells of, what runs left in these directories whose processes are dead. */
export function removeLeftovers(parents: readonly string[], tell: (line: string) => void): void {
  for (const parent of new Set(parents.map((path) => resolve(path)))) {
    for (const name of namesIn(parent)) {
      const directory = join(parent, name);
      const pid = deadOwner(name);
      if (pid === undefined || !isOwnDirectory(directory)) continue;
      try {
        rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
        tell(`removed ${directory}: process ${pid}, which was killed, had left it`);
      } catch (error) {
        tell(`${directory}, left by process ${pid}, could not be removed: ${(error as Error).message}`);
      }
    }
  }
}

/** The process that a name tells of, if it was one of this machine and is dead; undefined else. */
function deadOwner(name: string): number | undefined {
  const [, space, digits] = NAME.exec(name) ?? [];
  if (space !== processSpace()) return undefined;
  const pid = Number(digits);
  return isAlive(pid) ? undefined : pid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Whatever else is wrong, such as EPERM, it is there.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** Containers and machines may share a directory, and count their processes each for itself. */
function processSpace(): string {
  return hash("sha256", `${hostname()} ${pidNamespace()}`).slice(0, 8);
}

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    // This is no Linux.
    return "";
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    // It may be written into all the same.
    return [];
  }
}

/** Anyone may make directories with such names in a place for temporary files. */
function isOwnDirectory(directory: string): boolean {
  return lstatSync(directory, { throwIfNoEntry: false })?.uid === process.getuid?.();
}
