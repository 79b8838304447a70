/** Where the benchmark puts its files: what kind of file system it is and what room it has. */

import { readFileSync, statfsSync } from "node:fs";
import { freemem, tmpdir } from "node:os";
import { resolve } from "node:path";

/** A directory that logs or copies are put into, and whether copies there outlive a power failure. */
export interface Place {
  readonly directory: string;
  readonly fileSystem: string;
}

const SHARED_MEMORY = "/dev/shm";
/** Left to the programs that run. */
const MEMORY_RESERVE = 2e9;
/** Left on a disk, which others use too. */
const DISK_RESERVE = 1e9;
const MEMORY_FILE_SYSTEMS = new Set(["tmpfs", "ramfs"]);

/** Where the logs and copies of the in-memory suites go unless told: memory where there is a tmpfs. */
export function defaultScratch(): string {
  return isInMemory({ directory: SHARED_MEMORY, fileSystem: fileSystemOf(SHARED_MEMORY) })
    ? SHARED_MEMORY
    : tmpdir();
}

/** Where the copies of the disk suites go unless told: the first of the usual places that is on a disk. */
export function defaultDisk(): string {
  const usual = [tmpdir(), "/var/tmp", process.cwd()];
  return (
    usual.find((directory) => !isInMemory({ directory, fileSystem: fileSystemOf(directory) })) ?? tmpdir()
  );
}

export function isInMemory({ fileSystem }: Place): boolean {
  return MEMORY_FILE_SYSTEMS.has(fileSystem);
}

/** Bytes that may be put into a place: what its file system has left, and of that in memory what memory has. */
export function roomIn(place: Place): number {
  const { bavail, bsize } = statfsSync(place.directory);
  const free = bavail * bsize;
  if (!isInMemory(place)) return free - DISK_RESERVE;
  return Math.min(free, availableMemory()) - MEMORY_RESERVE;
}

/** There is no room for what a suite needs. The message says how much is missing where. */
export class NoRoom extends Error {
  override readonly name = "NoRoom";
}

/**
 * @param option of the command line that names the place.
 * @throws NoRoom
 */
export function requireRoom(place: Place, bytes: number, option: string): void {
  const room = roomIn(place);
  if (room >= bytes) return;
  throw new NoRoom(
    `this needs ${gigabytes(bytes)} in the directory of ${option} (${place.fileSystem}), which has room for ` +
      `${gigabytes(Math.max(0, room))}: name another with ${option}, or ask for fewer --entries`,
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Type of the file system that a directory is on, such as ext4; "unknown" where the system does not tell. */
export function fileSystemOf(directory: string): string {
  const path = `${resolve(directory)}/`;
  const mounts = linesOf("/proc/mounts")
    .map((line) => line.split(" "))
    .filter((fields) => fields.length > 2);
  let [longest, found] = ["", "unknown"];
  for (const [, point = "", type = ""] of mounts) {
    const prefix = point.endsWith("/") ? point : `${point}/`;
    // Of two mounts on one point the later hides the earlier.
    if (path.startsWith(prefix) && prefix.length >= longest.length) [longest, found] = [prefix, type];
  }
  return found;
}

function availableMemory(): number {
  const line = linesOf("/proc/meminfo").find((candidate) => candidate.startsWith("MemAvailable:"));
  return line === undefined ? freemem() : Number(/\d+/.exec(line)?.[0]) * 1024;
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return [];
  }
}
