/**
 * Durable writes below one directory: the only module that writes files of a target. It keeps promise 2: an object
 * appears under its name complete or not at all, and when a call here resolves, a power failure can undo neither the
 * bytes nor the names that lead to them.
 *
 * The order is the same everywhere: write a temporary file, fsync it, give it its name by rename (replacing) or link
 * (only if absent), fsync the directory of the name, and, once for each, every directory above it. After a failed
 * fsync a second one may report success for pages that the kernel has dropped: the file is discarded instead.
 */

import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { TargetBatch } from "../../lib/migrate/ports/target.ts";
import { errnoCode, fileFailure, ifPresent } from "./errno.ts";
import { closeQuietly } from "./regular-file.ts";

const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

const TEMPORARY_TRIES = 5;

const fsync = promisify(fs.fsync);

/** A temporary file with all its bytes. */
interface StagedFile {
  readonly fd: number;
  readonly temporary: string;
  readonly path: string;
}

/** Writes below `root`, with temporary files in `temporaryDirectory` on the same file system. Each thread has one. */
export class DurableDirectory {
  readonly root: string;
  /**
   * Throws if this copy may no longer write the target, before a batch names anything: another copy may have handed
   * it over while this one was suspended, and what is handed over is never touched again.
   */
  readonly requireOurs: () => void;
  readonly #temporaryDirectory: string;
  readonly #temporaryPrefix = randomBytes(9).toString("base64url");
  readonly #syncInThread: boolean;
  #temporaryCount = 0;
  /** Directories that this thread knows to exist. */
  readonly #present = new Set<string>();
  /** Directories whose names are durable, with those of all directories above them up to the root. */
  readonly #anchored = new Set<string>();

  /** @param syncInThread for a file system in memory, where fsync costs less than handing it to another thread. */
  constructor(root: string, temporaryDirectory: string, syncInThread = false, requireOurs = () => {}) {
    this.root = root;
    this.requireOurs = requireOurs;
    this.#temporaryDirectory = temporaryDirectory;
    this.#syncInThread = syncInThread;
  }

  batch(): DurableBatch {
    return new DurableBatch(this);
  }

  /** Creates or replaces one file, durably. Unlike a batch, it never removes the file, whatever fails. */
  async replace(path: string, bytes: Uint8Array): Promise<void> {
    const staged = this.stage(path, bytes);
    try {
      await this.sync(staged.fd);
      this.place(staged);
      await this.syncDirectories([dirname(path)]);
    } finally {
      this.discard(staged);
    }
  }

  /** Creates a file, durably, only if it does not exist; false if it does. */
  async create(path: string, bytes: Uint8Array): Promise<boolean> {
    const staged = this.stage(path, bytes);
    try {
      await this.sync(staged.fd);
      this.makeDirectory(dirname(path));
      try {
        fs.linkSync(staged.temporary, path);
      } catch (error) {
        if (errnoCode(error) === "EEXIST") return false;
        throw error;
      }
      await this.syncDirectories([dirname(path)]).catch((error: unknown) => {
        // The next run must not find and trust a name that may not be durable.
        fs.rmSync(path, { force: true });
        throw error;
      });
      return true;
    } finally {
      this.discard(staged);
    }
  }

  /** Removes a file, durably. */
  async remove(path: string): Promise<void> {
    fs.rmSync(path, { force: true });
    await this.syncDirectories([dirname(path)]);
  }

  stage(path: string, bytes: Uint8Array): StagedFile {
    const temporary = join(this.#temporaryDirectory, `${this.#temporaryPrefix}-${this.#temporaryCount++}`);
    const staged = { fd: this.#openTemporary(temporary), temporary, path };
    try {
      for (let written = 0; written < bytes.length; ) {
        written += fs.writeSync(staged.fd, bytes, written, bytes.length - written);
      }
      return staged;
    } catch (error) {
      this.discard(staged);
      throw error;
    }
  }

  /** Gives a staged and synced file its name, replacing a file of that name. */
  place({ temporary, path }: StagedFile): void {
    this.makeDirectory(dirname(path));
    fs.renameSync(temporary, path);
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

  makeDirectory(path: string): void {
    if (this.#present.has(path)) return;
    makePath(path);
    this.#present.add(path);
  }

  /** Makes an open file's bytes durable. */
  async sync(fd: number): Promise<void> {
    if (this.#syncInThread) fs.fsyncSync(fd);
    else await fsync(fd);
  }

  /** Makes an existing file durable. */
  async syncFile(path: string): Promise<void> {
    const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      await this.sync(fd);
    } finally {
      closeQuietly(fd);
    }
  }

  /** Makes existing files durable, and the names that lead to them. */
  async syncFound(...paths: readonly string[]): Promise<void> {
    for (const path of paths) await this.syncFile(path);
    await this.syncDirectories(paths.map((path) => dirname(path)));
  }

  /**
   * Makes the names in these directories durable, and the names that lead to them, once a thread: an existing
   * directory may have been made by a process that was killed.
   */
  async syncDirectories(directories: Iterable<string>): Promise<void> {
    const all = new Set(directories);
    const anchors: string[] = [];
    for (const directory of [...all]) {
      for (let at = directory; at !== this.root && !this.#anchored.has(at); at = dirname(at)) {
        all.add(dirname(at));
        anchors.push(at);
      }
    }
    await settled([...all].map((directory) => this.syncFile(directory)));
    for (const anchored of anchors) this.#anchored.add(anchored);
  }

  #openTemporary(temporary: string): number {
    // O_EXCL: a name that exists was not made by us.
    const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL;
    const open = () => fs.openSync(temporary, flags, FILE_MODE);
    // Another copy that ends may remove the directory at any moment.
    for (let tries = 0; tries < TEMPORARY_TRIES; tries++) {
      const fd = ifPresent(open);
      if (fd !== undefined) return fd;
      ifPresent(() => makePath(this.#temporaryDirectory));
    }
    return open();
  }
}

/** Files that become durable together, by their paths below the directory's root. */
class DurableBatch implements TargetBatch {
  readonly #directory: DurableDirectory;
  #staged: StagedFile[] = [];
  /** Files that existed already. */
  readonly #kept: string[] = [];
  readonly #parents = new Set<string>();

  constructor(directory: DurableDirectory) {
    this.#directory = directory;
  }

  put(name: string, bytes: Uint8Array): void {
    const path = join(this.#directory.root, name);
    try {
      this.#staged.push(this.#directory.stage(path, bytes));
    } catch (error) {
      throw fileFailure(error, path);
    }
    this.#parents.add(dirname(path));
  }

  /** Syncs an existing file with these bytes; where that fails, writes the bytes again. */
  async keep(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#directory.root, name);
    try {
      await this.#directory.syncFile(path);
      this.#kept.push(path);
      this.#parents.add(dirname(path));
    } catch {
      this.put(name, bytes);
    }
  }

  /**
   * On failure it removes what has no name yet, and where a directory could not be synced, everything of the batch:
   * the next run must not find and trust a name that may not be durable.
   */
  async commit(): Promise<void> {
    const staged = this.#staged;
    const paths = [...staged.map(({ path }) => path), ...this.#kept];
    try {
      await settled(staged.map(({ fd }) => this.#directory.sync(fd)));
      this.#directory.requireOurs();
      for (const file of staged) this.#directory.place(file);
      await this.#directory.syncDirectories(this.#parents).catch((error: unknown) => {
        this.#directory.requireOurs();
        for (const path of paths) fs.rmSync(path, { force: true });
        throw error;
      });
      for (let file = staged.pop(); file !== undefined; file = staged.pop()) closeQuietly(file.fd);
    } catch (error) {
      await this.abandon();
      // Where another copy hands the target over, temporary files vanish.
      if (errnoCode(error) === "ENOENT") this.#directory.requireOurs();
      throw fileFailure(error, paths[0] ?? this.#directory.root);
    }
  }

  async abandon(): Promise<void> {
    const staged = this.#staged;
    this.#staged = [];
    for (const file of staged) this.#directory.discard(file);
  }
}

/** Waits for all, then throws the first failure: none may still use a descriptor after it is closed. */
async function settled(work: Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === "rejected") throw result.reason;
  }
}

/**
 * `mkdir -p`. Node's own never returns where a parent exists and mkdir fails with ENOENT: below a dangling link, in a
 * mount that is gone, in /proc (seen with Node 20 and 26).
 */
function makePath(path: string): void {
  if (isDirectory(path)) return;
  if (dirname(path) !== path) makePath(dirname(path));
  try {
    fs.mkdirSync(path, { mode: DIRECTORY_MODE });
  } catch (error) {
    // Another thread may have been faster.
    if (errnoCode(error) !== "EEXIST" || !isDirectory(path)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
