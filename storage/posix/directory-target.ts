/**
 * What all targets have in common that keep a log in a directory: a claim in the file that log software reads first, a
 * lock, and the log's files.
 */

import fs from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OperationError, shellWord, systemErrorWords } from "../../lib/errors.ts";
import type {
  FreeSpace,
  LockKind,
  LockState,
  SpaceNeeded,
  StoredObject,
  TargetContents,
} from "../../lib/migrate/ports/target.ts";
import { ISSUER_DIRECTORY } from "../../lib/tlog/layout.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { claimText } from "../shared/claim-text.ts";
import { ClaimedState } from "./claimed-state.ts";
import { DurableDirectory } from "./durable.ts";
import { errnoCode, fileFailure, onFile } from "./errno.ts";
import { listObjects, requireNoLink } from "./listing.ts";
import { lockState, takeLock } from "./lock.ts";
import { readUpTo } from "./object-file.ts";
import { LOG_NAMES, requireApart, requireNothingElse, requireNotRoot } from "./placement.ts";
import { temporariesOf } from "./process-files.ts";
import { STATE } from "./state.ts";

/** statfs(2) type of tmpfs, where fsync does nothing. */
const TMPFS_MAGIC = 0x01021994;

/** Of a file that is neither a part of the log nor ours, and that the copy writes again. */
const MAX_SEPARATED_BYTES = 1_000_000;

export interface DirectoryTargetOptions {
  /** The directory that is copied from, if it is one of this machine. */
  readonly source?: string | undefined;
  /** Whether the log may be kept among other files. */
  readonly intoExisting?: boolean;
  /** Whether the log is only looked at. */
  readonly readOnly?: boolean;
}

export abstract class DirectoryTarget {
  readonly location: string;
  protected readonly root: string;
  readonly markerName: string;
  readonly recordName: string;
  protected readonly options: DirectoryTargetOptions;
  protected readonly directory: DurableDirectory;
  protected readonly claimed: ClaimedState;
  /** What log software reads first, below the root: the claim, until the handover. */
  readonly #guard: string;
  /** Failures to remove what nobody needs any more, for the operator. */
  readonly #leftovers: string[] = [];

  /** @param directory the log's root, an absolute path; it may not exist yet. */
  constructor(directory: string, options: DirectoryTargetOptions, guard: string, location = directory) {
    this.location = location;
    this.root = directory;
    this.#guard = guard;
    this.markerName = this.locate(guard);
    this.recordName = this.locate(STATE.record);
    this.options = options;
    this.directory = new DurableDirectory(directory, temporariesOf(directory));
    this.claimed = new ClaimedState(this.directory, guard);
  }

  /** What is in and around the directory. Changes nothing. */
  protected abstract look(): Promise<TargetContents>;

  locate(path: string): string {
    return join(this.root, path);
  }

  async inspect(): Promise<TargetContents> {
    const { source, intoExisting = false, readOnly = false } = this.options;
    return await onFile(this.root, async () => {
      if (readOnly) return await this.look();
      requireNotRoot(this.root);
      if (source !== undefined) requireApart(this.root, source);
      this.#requireNoLinks();
      const contents = await this.look();
      const isNew = contents.kind === "empty" || contents.kind === "unclaimed-tiles";
      if (isNew && !intoExisting) requireNothingElse(this.root);
      return contents;
    });
  }

  async lock(kind?: LockKind): Promise<{ release(): Promise<void> }> {
    await onFile(this.root, async () => {
      this.#requireNoLinks();
      try {
        await this.claimed.makeDurable();
      } catch (error) {
        if (errnoCode(error) === "ENOENT") this.claimed.require();
        throw error;
      }
      await this.#separateState();
    });
    return await onFile(this.locate(STATE.lock), () => takeLock(this.directory, kind));
  }

  async lockState(): Promise<LockState | undefined> {
    return await onFile(this.locate(STATE.lock), () => lockState(this.root));
  }

  async claim(marker: string): Promise<void> {
    await onFile(this.root, async () => {
      this.#requireNoLinks();
      await this.claimed.claim(marker);
    });
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.claimed.whileClaimed(from, async () => {
      await this.directory.replace(this.markerName, Buffer.from(claimText(to)));
    });
  }

  async requireFreeSpace(needed: SpaceNeeded): Promise<void> {
    const free = await this.freeSpace();
    if (free.bytes < needed.bytes) {
      const [expected, found] = [needed.bytes, free.bytes].map((bytes) => `${(bytes / 1e9).toFixed(2)} GB`);
      throw this.#noSpace("too little free space", expected, found);
    }
    if (free.objects === undefined || free.objects >= needed.objects) return;
    throw this.#noSpace("too few inodes", formatCount(needed.objects), formatCount(free.objects));
  }

  async freeSpace(): Promise<FreeSpace> {
    return await onFile(this.root, async () => {
      const { bavail, bsize, files, ffree } = await statfs(existingAbove(this.root));
      // Some file systems create inodes as needed and count none.
      return { bytes: bavail * bsize, objects: files === 0 ? undefined : ffree };
    });
  }

  async warnings(isToAppend: boolean): Promise<string[]> {
    const user = process.getuid?.();
    const owner = fs.statSync(this.locate(STATE.directory), { throwIfNoEntry: false })?.uid;
    if (!isToAppend || user !== 0 || owner !== 0) return this.#leftovers;
    // Not the whole directory: what belongs to others may be among it.
    const written = LOG_NAMES.map((name) => this.locate(name)).filter((path) => fs.existsSync(path));
    return [
      ...this.#leftovers,
      `The files of the log belong to root: if the log software runs as another user, let it create files in ` +
        `${this.root}, and give these to it first:\nchown -R USER ${written.map(shellWord).join(" ")}`,
    ];
  }

  async *list(directory: string): AsyncGenerator<StoredObject> {
    try {
      yield* listObjects(this.root, directory);
    } catch (error) {
      throw fileFailure(error, this.locate(directory));
    }
  }

  async remove(path: string): Promise<void> {
    await onFile(this.locate(path), () => {
      this.claimed.require();
      return this.directory.remove(this.locate(path));
    });
  }

  async unclaim(marker: string): Promise<void> {
    await onFile(this.root, async () => {
      this.claimed.require(marker);
      await this.directory.remove(this.markerName);
      await this.directory.remove(this.locate(STATE.issuers));
    });
  }

  /** What has been handed over stays so, whatever cannot be removed. */
  protected cleanUp(remove: (root: string) => void): void {
    try {
      remove(this.root);
    } catch (error) {
      const left = systemErrorWords(error);
      this.#leftovers.push(
        `What this tool left below ${this.locate(STATE.directory)} could not be removed: ${left}`,
      );
    }
  }

  /**
   * A copy made with hard links may have left files of log software next to the state, such as locks that are the
   * original's too. After a handover they are left alone: they may be held.
   */
  async #separateState(): Promise<void> {
    if ((await this.look()).kind !== "claimed") return;
    const own = new Set<string>(Object.values(STATE));
    for (const entry of fs.readdirSync(this.locate(STATE.directory), { withFileTypes: true })) {
      const name = `${STATE.directory}/${entry.name}`;
      if (!entry.isFile() || own.has(name)) continue;
      const { nlink, size } = fs.lstatSync(this.locate(name));
      const bytes = nlink > 1 && size <= MAX_SEPARATED_BYTES ? readUpTo(this.locate(name), size) : undefined;
      if (bytes !== undefined) await this.directory.replace(this.locate(name), bytes);
    }
  }

  /** What is read here decides what is written, and what is written must not end up elsewhere. */
  #requireNoLinks(): void {
    const directories = [STATE.directory, "tile", ISSUER_DIRECTORY];
    this.directory.requireInPlace(...directories.map((name) => this.locate(name)));
    // Other files are replaced, whatever they are.
    for (const name of [this.#guard, STATE.tree, STATE.record, STATE.temporaries]) {
      requireNoLink(this.locate(name));
    }
  }

  #noSpace(problem: string, expected?: string, found?: string): OperationError {
    const advice = "Free some space, or choose another target";
    return new OperationError({ object: this.root, problem, expected, found, advice });
  }
}

/** The directory itself, or else the nearest above it that exists. */
function existingAbove(directory: string): string {
  let at = directory;
  while (at !== dirname(at) && !fs.existsSync(at)) at = dirname(at);
  return at;
}

/** Whether a directory is in memory, where fsync costs nothing. */
export function isInMemory(directory: string): boolean {
  return fs.statfsSync(directory).type === TMPFS_MAGIC;
}
