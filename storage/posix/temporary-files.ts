/** Files that are written completely before they get their names. A run removes those that an earlier one has left. */

import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import type { TargetDirectories } from "./directories.ts";
import { ifPresent } from "./errno.ts";
import { closeQuietly } from "./regular-file.ts";

const FILE_MODE = 0o644;

const TRIES = 5;

/** Measured: a look before each temporary file takes 3 % of the CPU time of a copy in memory, one in 20 ms nothing. */
const LOOK_AGAIN_MS = 20;

/** A temporary file with all its bytes. */
export interface StagedFile {
  readonly fd: number;
  readonly temporary: string;
  readonly path: string;
}

/** In a directory on the target's file system. */
export class TemporaryFiles {
  readonly directory: string;
  readonly #directories: TargetDirectories;
  readonly #prefix = randomBytes(9).toString("base64url");
  #count = 0;
  /** The inode of the directory, and when it was last looked at. */
  #inode: number | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(directory: string, directories: TargetDirectories) {
    this.directory = directory;
    this.#directories = directories;
  }

  /** A temporary file, still open, with the bytes of what is to be at this path. */
  stage(path: string, bytes: Uint8Array): StagedFile {
    const temporary = join(this.directory, `${this.#prefix}-${this.#count++}`);
    const staged = { fd: this.#open(temporary), temporary, path };
    try {
      if ((this.#directories.umask & FILE_MODE) !== 0) fs.fchmodSync(staged.fd, FILE_MODE);
      for (let written = 0; written < bytes.length; ) {
        written += fs.writeSync(staged.fd, bytes, written, bytes.length - written);
      }
      return staged;
    } catch (error) {
      this.discard(staged);
      throw error;
    }
  }

  /** Closes and removes a temporary file, in whatever state. It never fails: what stays is removed with all others. */
  discard({ fd, temporary }: StagedFile): void {
    closeQuietly(fd);
    try {
      fs.rmSync(temporary, { force: true });
    } catch {
      // The error under way, or the success, counts more.
    }
  }

  #open(temporary: string): number {
    // O_EXCL: a name that exists was not made by us.
    const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL;
    const open = () => fs.openSync(temporary, flags, FILE_MODE);
    // Another copy that ends may remove the directory at any moment.
    for (let tries = 0; tries < TRIES; tries++) {
      ifPresent(() => this.#makeDirectory());
      const fd = ifPresent(open);
      if (fd !== undefined) return fd;
      this.#lookedAt = Number.NEGATIVE_INFINITY;
    }
    return open();
  }

  /** The way to it is looked at only where it is not what it was: a batch looks again before it names anything. */
  #makeDirectory(): void {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_AGAIN_MS) return;
    this.#lookedAt = now;
    const inode = () => fs.lstatSync(this.directory, { throwIfNoEntry: false })?.ino;
    const found = inode();
    if (found !== undefined && found === this.#inode) return;
    this.#directories.makeShared(this.directory);
    this.#inode = inode();
  }
}
