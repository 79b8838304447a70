/** The directories of a run: what kind of file system they are on, and what free space it has. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory that logs or copies are put into. */
export interface Place {
  readonly directory: string;
  /** Type of its file system, such as ext4. */
  readonly fileSystem: string;
}

const SHARED_MEMORY = "/dev/shm";
/** statfs(2). */
const FILE_SYSTEMS = new Map([
  [0x01021994, "tmpfs"],
  [0xef53, "ext4"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0x794c7630, "overlay"],
]);
/** Bytes that are left to the programs that run. */
const MEMORY_RESERVE = 2e9;
/** Bytes that are left on a disk, which others use too. */
const DISK_RESERVE = 1e9;

/** Where logs and copies go by default: into memory if there is a tmpfs. */
export function defaultScratch(): string {
  return existsSync(SHARED_MEMORY) && isInMemory(placeAt(SHARED_MEMORY)) ? SHARED_MEMORY : tmpdir();
}

/** Where the copies of the disk suites go by default: the first of the usual directories that is on a disk. */
export function defaultDisk(): string {
  const usual = [tmpdir(), "/var/tmp", process.cwd()].filter((directory) => existsSync(directory));
  return usual.find((directory) => !isInMemory(placeAt(directory))) ?? tmpdir();
}

/**
 * Uses as much memory as a copy will take. Some hosts take back what a machine has not used for seconds, and are slow
 * to give it again: who comes after a contender that needed none would pay for it.
 */
export function touchMemory({ directory }: Place, bytes: number): void {
  const block = Buffer.alloc(1 << 22);
  const path = join(directory, "touched");
  const file = openSync(path, "w");
  try {
    for (let at = 0; at < bytes; at += block.length) writeSync(file, block);
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

export function isInMemory({ fileSystem }: Place): boolean {
  return fileSystem === "tmpfs";
}

/**
 * A new directory in each of these, removed when they are disposed of, or when this process ends in any other way: a
 * shell waits for that.
 */
export function newPlaces(parents: readonly string[]): AsyncDisposable & { readonly places: Place[] } {
  const places = parents.map((parent) => placeAt(mkdtempSync(join(parent, "tlog-migrate-bench-"))));
  const directories = places.map(({ directory }) => directory);
  const shell = spawn("sh", ["-c", 'cat; rm -rf "$@"', "sh", ...directories], {
    // In a group of its own, it is not reached by a terminal's signals.
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  const removed = once(shell, "exit");
  return {
    places,
    async [Symbol.asyncDispose]() {
      shell.stdin.end();
      await removed;
    },
  };
}

/** Bytes that may be put into a place: the free space of its file system, and of one in memory what memory has. */
export function freeSpaceIn(place: Place): number {
  const { bavail, bsize } = statfsSync(place.directory);
  const free = bavail * bsize;
  if (!isInMemory(place)) return free - DISK_RESERVE;
  return Math.min(free, process.availableMemory()) - MEMORY_RESERVE;
}

/** A suite cannot be run on this machine. The message says why. */
export class SkipError extends Error {
  override readonly name = "SkipError";
}

/**
 * @param option of the command line that names the place.
 * @throws SkipError
 */
export function requireSpace(place: Place, bytes: number, option: string): void {
  const free = freeSpaceIn(place);
  if (free >= bytes) return;
  throw new SkipError(
    `this needs ${gigabytes(bytes)} in the directory of ${option} (${place.fileSystem}), which has ` +
      `${gigabytes(Math.max(0, free))}: name another with ${option}, or ask for fewer --entries`,
  );
}

function placeAt(directory: string): Place {
  const { type } = statfsSync(directory);
  return { directory, fileSystem: FILE_SYSTEMS.get(type) ?? `file system 0x${type.toString(16)}` };
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
