/** Directories of tests: where they are made, and what stands in them. */

import fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { onTestFinished } from "vitest";
import type { TestLog } from "../logs/generated-log.ts";

const TMPFS_MAGIC = 0x01021994;

/** Where directories are in memory, if there is such a place: fsync costs nothing there. */
export const MEMORY = isInMemory("/dev/shm") ? "/dev/shm" : tmpdir();

/** A new directory in memory, where there is such a place. Removed when the test ends. */
export function memoryDirectory(): string {
  return newDirectory(MEMORY);
}

/** A new directory in memory that holds the objects of a log. */
export function logDirectory({ objects }: Pick<TestLog, "objects">): string {
  const directory = memoryDirectory();
  writeFiles(directory, objects);
  return directory;
}

/** A new directory where programs make them. Removed when the test ends. */
export function temporaryDirectory(): string {
  return newDirectory(tmpdir());
}

/** A new directory on a disk, undefined where only memory can be written. Removed when the test ends. */
export function diskDirectory(): string | undefined {
  const base = [tmpdir(), "/var/tmp", process.cwd()].find((at) => fs.existsSync(at) && !isInMemory(at));
  return base === undefined ? undefined : newDirectory(base);
}

function isInMemory(directory: string): boolean {
  return fs.existsSync(directory) && fs.statfsSync(directory).type === TMPFS_MAGIC;
}

function newDirectory(base: string): string {
  const directory = fs.realpathSync(fs.mkdtempSync(join(base, "tlog-migrate-")));
  onTestFinished(() => fs.rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

/** Paths of every file below a directory, sorted; none where it does not exist. */
export function filesBelow(directory: string): string[] {
  if (!fs.existsSync(directory)) return [];
  return fs
    .readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

/** Everything below a directory: each file with its bytes in base64, each directory with a slash. */
export function directoryContents(directory: string): Record<string, string> {
  const contents: Record<string, string> = {};
  for (const entry of fs.readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(directory, path);
    if (entry.isDirectory()) contents[`${name}/`] = "";
    else contents[name] = fs.readFileSync(path).toString("base64");
  }
  return contents;
}

export function writeFiles(directory: string, files: Iterable<readonly [string, Uint8Array | string]>): void {
  for (const [path, bytes] of files) {
    const file = join(directory, path);
    fs.mkdirSync(dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes);
  }
}

export function filesContaining(directory: string, bytes: Uint8Array): string[] {
  return filesBelow(directory).filter((path) => fs.readFileSync(join(directory, path)).includes(bytes));
}

export function temporaryFiles(directory: string): string[] {
  return filesBelow(join(directory, ".state/tlog-migrate.tmp"));
}

/** How a target differs from the tiles and bundles of a log: nothing where it is a whole copy. */
export function differences(target: string, log: Pick<TestLog, "objects">): string[] {
  const expected = [...log.objects].filter(([path]) => path.startsWith("tile/"));
  const found = new Set(filesBelow(target).filter((path) => path.startsWith("tile/")));
  const faults: string[] = [];
  for (const [path, bytes] of expected) {
    if (!found.delete(path)) faults.push(`${path} is missing`);
    else if (!fs.readFileSync(join(target, path)).equals(bytes)) faults.push(`${path} differs`);
  }
  return [...faults, ...[...found].map((path) => `${path} is not the log's`)];
}

export function versionOf(target: string): string | undefined {
  const file = join(target, ".state/version");
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined;
}
