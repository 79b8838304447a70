/**
 * The directories of a target, from the one that the operator passed downwards. Each system call resolves its path again:
 * if a directory was replaced by a symbolic link, the call would act on another log, for instance the source. So the
 * directories are checked before a name below them is created, synced or removed, and must be the same as before.
 */

import fs from "node:fs";
import { dirname } from "node:path";
import { TargetRefusedError } from "../../lib/errors.ts";
import { errnoCode } from "./errno.ts";
import { linkRefused } from "./listing.ts";

const DIRECTORY_MODE = 0o755;

/** As bigints: an inode may be larger than what a number holds exactly. */
type Identity = Pick<fs.BigIntStats, "dev" | "ino">;

export class TargetDirectories {
  readonly root: string;
  /**
   * What the mode of a new file or directory lacks, and is set afterwards: a library must not change the umask of its
   * program. Read once, since reading sets it for a moment.
   */
  readonly umask = process.umask();
  /** What each directory was when this thread first saw it. */
  readonly #known = new Map<string, Identity>();
  readonly #made: (path: string) => void;

  /**
   * @param root may be reached through links: it is what the operator named.
   * @param made called with each directory below it that this thread has created.
   */
  constructor(root: string, made: (path: string) => void = () => {}) {
    this.root = root;
    this.#made = made;
  }

  /**
   * Creates directories, and what is missing above them.
   * @param paths the root, or below it.
   * @throws TargetRefusedError where a link, or another directory than before, is in the way.
   */
  make(...paths: readonly string[]): void {
    if (!this.#known.has(this.root)) makePath(this.root, this.umask);
    this.#requireEach(paths, (path) => {
      this.#makeDirectory(path);
      return this.#look(path);
    });
  }

  /** Like `make`, for directories that other processes may remove and create: these may change, but not into links. */
  makeShared(path: string): void {
    if (path === this.root) {
      this.make(path);
      return;
    }
    this.makeShared(dirname(path));
    if (this.#look(path) !== undefined) return;
    this.#makeDirectory(path);
    this.#look(path);
  }

  /** @throws TargetRefusedError unless those of the paths, and those above them, that exist are what they were. */
  require(...paths: readonly string[]): void {
    this.#requireEach(paths, () => undefined);
  }

  /** @throws TargetRefusedError if the path, or what is above it, is a link or a file. */
  requireNoLinks(path: string): void {
    for (let at = path; at !== this.root; at = dirname(at)) this.#look(at);
  }

  /** Opens a file or a directory to sync it, also above the root. @throws TargetRefusedError if it was replaced. */
  open(path: string): number {
    const isBelow = path.startsWith(`${this.root}/`);
    // A FIFO must not hang it.
    const flags = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;
    const fd = fs.openSync(path, isBelow ? flags | fs.constants.O_NOFOLLOW : flags);
    try {
      const known = this.#known.get(path);
      if (known !== undefined && !isSame(known, fs.fstatSync(fd, { bigint: true }))) throw replaced(path);
      return fd;
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  /** Looks at each path once, from the root down. @param missing is called for what does not exist. */
  #requireEach(paths: readonly string[], missing: (path: string) => Identity | undefined): void {
    const seen = new Set<string>();
    const look = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      if (path !== this.root) look(dirname(path));
      const known = this.#known.get(path);
      const found = this.#look(path) ?? (known === undefined ? missing(path) : undefined);
      if (known === undefined && found !== undefined) this.#known.set(path, found);
      else if (known !== undefined && (found === undefined || !isSame(known, found))) throw replaced(path);
    };
    paths.forEach(look);
  }

  #makeDirectory(path: string): void {
    try {
      createDirectory(path, this.umask);
    } catch (error) {
      // Another thread may have been faster: what is there is looked at.
      if (errnoCode(error) === "EEXIST") return;
      throw error;
    }
    this.#made(path);
  }

  /** The directory at a path, undefined if there is none. @throws TargetRefusedError if something else is there. */
  #look(path: string): Identity | undefined {
    const options = { bigint: true, throwIfNoEntry: false } as const;
    const found = path === this.root ? fs.statSync(path, options) : fs.lstatSync(path, options);
    if (found === undefined || found.isDirectory()) return found;
    if (found.isSymbolicLink()) throw linkRefused(path);
    const problem = "is a file, not a directory";
    throw new TargetRefusedError({ object: path, problem, advice: "Check what it is, then move it away" });
  }
}

function isSame(a: Identity, b: Identity): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function replaced(path: string): TargetRefusedError {
  return new TargetRefusedError({
    object: path,
    problem: "was moved away or replaced while this copy was at work",
    advice: "Find out who else writes here, then run the same command again",
  });
}

/**
 * `mkdir -p`, through links. Node's own never returns where a parent exists and mkdir fails with ENOENT: below a
 * dangling link, in a mount that is gone, in /proc (seen with Node 20 and 26).
 */
function makePath(path: string, umask: number): void {
  if (isDirectory(path)) return;
  if (dirname(path) !== path) makePath(dirname(path), umask);
  try {
    createDirectory(path, umask);
  } catch (error) {
    // Another thread may have been faster.
    if (errnoCode(error) !== "EEXIST" || !isDirectory(path)) throw error;
  }
}

/** Creates a directory of the documented mode, whatever the umask. */
function createDirectory(path: string, umask: number): void {
  fs.mkdirSync(path, { mode: DIRECTORY_MODE });
  if ((umask & DIRECTORY_MODE) === 0) return;
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW);
  try {
    // It may have got a set-group-ID bit from the directory above it.
    fs.fchmodSync(fd, (fs.fstatSync(fd).mode & 0o7000) | DIRECTORY_MODE);
  } finally {
    fs.closeSync(fd);
  }
}

function isDirectory(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
