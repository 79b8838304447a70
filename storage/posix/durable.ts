/**
 * Durable writes below one directory: the only module that writes files of a target. It keeps promise 2: an object
 * appears under its name complete or not at all, and when a call here resolves, a power failure can undo neither the
 * bytes nor the names that lead to them.
 *
 * The order is the same everywhere: write a temporary file, fsync it, give it its name by rename (replacing) or link
 * (only if absent), fsync the directory of the name, and, once for each, every directory above it. After a failed
 * fsync a second one may report success for pages that the kernel has dropped: the file is discarded instead.
 *
 * The directories of a path are checked before a name in them is created or removed, and again when they are synced:
 * none may be a symbolic link, or a different directory than before.
 */

import fs from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { OperationError } from "../../lib/errors.ts";
import type { TargetBatch } from "../../lib/migrate/ports/target.ts";
import { TargetDirectories } from "./directories.ts";
import { errnoCode, fileFailure } from "./errno.ts";
import { inherit, inheritDirectory } from "./inheritance.ts";
import { closeQuietly } from "./regular-file.ts";
import { type StagedFile, TemporaryFiles } from "./temporary-files.ts";

/** What link(2) fails with where a file system has no hard links, or none more for a file that has one name. */
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

const fsync = promisify(fs.fsync);

/** Writes below `root`, with temporary files in `temporaryDirectory` on the same file system. Each thread has one. */
export class DurableDirectory {
  readonly root: string;
  /**
   * Throws if this copy may no longer write the target, before a batch names anything: another copy may have handed
   * it over while this one was suspended, and what is handed over is never touched again.
   */
  readonly requireOurs: () => void;
  readonly temporaries: TemporaryFiles;
  readonly #inherits: boolean;
  readonly #syncInThread: boolean;
  readonly #directories: TargetDirectories;
  /** Directories whose names are durable, with those of all directories above them up to the root. */
  readonly #anchored = new Set<string>();

  /**
   * @param syncInThread for a file system in memory, where fsync costs less than handing it to another thread.
   * @param inherits whether what is created by `replace` gets owner and mode from the directory that it is in.
   */
  constructor(
    root: string,
    temporaryDirectory: string,
    syncInThread = false,
    requireOurs = () => {},
    inherits = false,
  ) {
    this.root = root;
    this.requireOurs = requireOurs;
    this.#syncInThread = syncInThread;
    this.#inherits = inherits;
    this.#directories = new TargetDirectories(root, inherits ? inheritDirectory : undefined);
    this.temporaries = new TemporaryFiles(temporaryDirectory, this.#directories);
  }

  batch(): DurableBatch {
    return new DurableBatch(this);
  }

  /**
   * Creates or replaces one file, durably. Unlike a batch, it never removes the file, whatever fails.
   * @param requireStill throws if it must not be replaced any more.
   */
  async replace(path: string, bytes: Uint8Array, requireStill = () => {}): Promise<void> {
    const staged = this.temporaries.stage(path, bytes);
    try {
      if (this.#inherits) {
        this.prepare([dirname(path)]);
        inherit(staged.fd, dirname(path));
      }
      await this.sync(staged.fd);
      this.prepare([dirname(path)]);
      requireStill();
      fs.renameSync(staged.temporary, path);
      await this.syncDirectories([dirname(path)]);
    } finally {
      this.temporaries.discard(staged);
    }
  }

  /** Creates a file, durably, only if it does not exist; false if it does. */
  async create(path: string, bytes: Uint8Array): Promise<boolean> {
    const staged = this.temporaries.stage(path, bytes);
    try {
      await this.sync(staged.fd);
      this.prepare([dirname(path)]);
      try {
        fs.linkSync(staged.temporary, path);
      } catch (error) {
        const code = errnoCode(error) ?? "";
        if (code === "EEXIST") return false;
        throw NO_LINKS.includes(code) ? noHardLinks(path, error) : error;
      }
      await this.syncDirectories([dirname(path)]).catch((error: unknown) => {
        // The next run must not find and trust a name that may not be durable.
        this.requireInPlace(dirname(path));
        fs.rmSync(path, { force: true });
        throw error;
      });
      return true;
    } finally {
      this.temporaries.discard(staged);
    }
  }

  /** Removes a file, durably. */
  async remove(path: string): Promise<void> {
    const directory = dirname(path);
    // Nothing was stored there: a copy may have been raised beyond the size that the object belongs to.
    if (!fs.existsSync(directory)) return;
    this.requireInPlace(directory);
    fs.rmSync(path, { force: true });
    await this.syncDirectories([directory]);
  }

  /** Before staged files are named in these directories: they exist then, and are what they were. */
  prepare(directories: Iterable<string>): void {
    this.#directories.requireNoLinks(this.temporaries.directory);
    this.#directories.make(...directories);
  }

  /** @throws TargetRefusedError if these directories, or those above them, are links, or others than before. */
  requireInPlace(...directories: readonly string[]): void {
    this.#directories.require(...directories);
  }

  /** Makes an open file's bytes durable. */
  async sync(fd: number): Promise<void> {
    if (this.#syncInThread) fs.fsyncSync(fd);
    else await fsync(fd);
  }

  /** Makes an existing file or directory durable. */
  async syncFile(path: string): Promise<void> {
    await this.#onOpen(path, (fd) => this.sync(fd));
  }

  /** Makes an existing file durable, unless it has other names: who owns those could change it, and be changed by it. */
  async syncUnshared(path: string): Promise<boolean> {
    return await this.#onOpen(path, async (fd) => {
      if (fs.fstatSync(fd).nlink > 1) return false;
      await this.sync(fd);
      return true;
    });
  }

  /** Makes existing files durable, and the names that lead to them. */
  async syncFound(...paths: readonly string[]): Promise<void> {
    const directories = paths.map((path) => dirname(path));
    this.requireInPlace(...directories);
    for (const path of paths) await this.syncFile(path);
    await this.syncDirectories(directories);
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

  async #onOpen<T>(path: string, work: (fd: number) => Promise<T>): Promise<T> {
    const fd = this.#directories.open(path);
    try {
      return await work(fd);
    } finally {
      closeQuietly(fd);
    }
  }
}

/** Files that become durable together, by their paths below the directory's root. */
export class DurableBatch implements TargetBatch {
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
      this.#staged.push(this.#directory.temporaries.stage(path, bytes));
    } catch (error) {
      throw fileFailure(error, path);
    }
    this.#parents.add(dirname(path));
  }

  /** Syncs an existing file with these bytes; where that fails, or it has other names, writes the bytes again. */
  async keep(name: string, bytes: Uint8Array | (() => Uint8Array)): Promise<void> {
    const path = join(this.#directory.root, name);
    const isKept = await this.#directory.syncUnshared(path).catch(() => false);
    if (!isKept) return this.put(name, typeof bytes === "function" ? bytes() : bytes);
    this.#kept.push(path);
    this.#parents.add(dirname(path));
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
      this.#directory.prepare(this.#parents);
      for (const { temporary, path } of staged) fs.renameSync(temporary, path);
      await this.#directory.syncDirectories(this.#parents).catch((error: unknown) => {
        this.#directory.requireOurs();
        this.#directory.requireInPlace(...this.#parents);
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
    for (const file of staged) this.#directory.temporaries.discard(file);
  }
}

/** Without link(2) there is no way to create a whole file only if there is none: not for this tool, nor for others. */
function noHardLinks(path: string, cause: unknown): OperationError {
  return new OperationError(
    {
      object: path,
      problem: "cannot be created: the file system has no hard links, which log software needs too",
      advice: "Choose a target on another file system, such as ext4, XFS, Btrfs or ZFS",
    },
    { cause },
  );
}

/** Waits for all, then throws the first failure: none may still use a descriptor after it is closed. */
async function settled(work: Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === "rejected") throw result.reason;
  }
}
