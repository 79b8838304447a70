/** A directory as MigrationTarget, in the layout that Tessera's POSIX driver takes over. */

import fs from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OperationError, shellWord, systemErrorWords } from "../../lib/errors.ts";
import type { Finding } from "../../lib/migrate/ports/executor.ts";
import type {
  FreeSpace,
  IntegratedTree,
  LockState,
  MigrationTarget,
  SpaceNeeded,
  StoredObject,
  TargetBatch,
  TargetContents,
  TargetRepairs,
  TargetWriter,
  TreeState,
} from "../../lib/migrate/ports/target.ts";
import { CHECKPOINT_PATH, ISSUER_DIRECTORY } from "../../lib/tlog/layout.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { ClaimedState } from "./claimed-state.ts";
import { DurableDirectory } from "./durable.ts";
import { errnoCode, fileFailure, onFile } from "./errno.ts";
import { listObjects, requireNoLink } from "./listing.ts";
import { readUpTo } from "./object-file.ts";
import { LOG_NAMES, requireApart, requireNothingElse, requireNotRoot } from "./placement.ts";
import { clearAllTemporaries, clearStaleLock, lockState, takeLock, temporariesOf } from "./process-files.ts";
import { PosixRepairs } from "./repairs.ts";
import { claimText, inspectDirectory, parseTreeState, requireClaim, STATE, stateText } from "./state.ts";
import { stateFaults } from "./state-faults.ts";

/** statfs(2) type of tmpfs, where fsync does nothing. */
const TMPFS_MAGIC = 0x01021994;

/** Of a file that is neither a part of the log nor ours, and that the copy writes again. */
const MAX_SEPARATED_BYTES = 1_000_000;

export interface PosixTargetOptions {
  /** The directory that is copied from, if it is one of this machine. */
  readonly source?: string | undefined;
  /** Whether the log may be kept among other files. */
  readonly intoExisting?: boolean;
  /** Whether the log is only looked at. */
  readonly readOnly?: boolean;
}

export class PosixTarget implements MigrationTarget {
  readonly location: string;
  readonly treeStateName = STATE.tree;
  readonly markerName: string;
  readonly recordName: string;
  readonly #options: PosixTargetOptions;
  readonly #directory: DurableDirectory;
  readonly #claimed: ClaimedState;
  /** Failures to remove what nobody needs any more, for the operator. */
  readonly #leftovers: string[] = [];

  /** @param directory the log's root, an absolute path; it may not exist yet. */
  constructor(directory: string, options: PosixTargetOptions = {}) {
    this.location = directory;
    this.markerName = this.locate(STATE.version);
    this.recordName = this.locate(STATE.record);
    this.#options = options;
    this.#directory = new DurableDirectory(directory, temporariesOf(directory));
    this.#claimed = new ClaimedState(this.#directory);
  }

  locate(path: string): string {
    return join(this.location, path);
  }

  async inspect(): Promise<TargetContents> {
    const { source, intoExisting = false, readOnly = false } = this.#options;
    return await onFile(this.location, async () => {
      if (readOnly) return await inspectDirectory(this.location);
      requireNotRoot(this.location);
      if (source !== undefined) requireApart(this.location, source);
      this.#requireNoLinks();
      const contents = await inspectDirectory(this.location);
      const isNew = contents.kind === "empty" || contents.kind === "unclaimed-tiles";
      if (isNew && !intoExisting) requireNothingElse(this.location);
      return contents;
    });
  }

  async integratedTree(): Promise<IntegratedTree | undefined> {
    const state = stateText(this.location, STATE.tree);
    return state === undefined ? undefined : parseTreeState(state);
  }

  async stateFaults(): Promise<Finding[]> {
    return await stateFaults(this.location);
  }

  async lock(): Promise<{ release(): Promise<void> }> {
    await onFile(this.location, async () => {
      this.#requireNoLinks();
      try {
        await this.#claimed.makeDurable();
      } catch (error) {
        if (errnoCode(error) === "ENOENT") this.#claimed.require();
        throw error;
      }
      await this.#separateState();
    });
    return await onFile(this.locate(STATE.lock), () => takeLock(this.#directory));
  }

  async lockState(): Promise<LockState | undefined> {
    return await onFile(this.locate(STATE.lock), () => lockState(this.location));
  }

  async claim(marker: string): Promise<void> {
    await onFile(this.location, async () => {
      this.#requireNoLinks();
      await this.#claimed.claim(marker);
    });
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.#claimed.whileClaimed(from, async () => {
      await this.#directory.replace(this.locate(STATE.version), claimText(to));
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
    return await onFile(this.location, async () => {
      const { bavail, bsize, files, ffree } = await statfs(existingAbove(this.location));
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
        `${this.location}, and give these to it first:\nchown -R USER ${written.map(shellWord).join(" ")}`,
    ];
  }

  openWriter(): TargetWriter {
    return new PosixWriter(this.location, temporariesOf(this.location));
  }

  async *list(directory: string): AsyncGenerator<StoredObject> {
    try {
      yield* listObjects(this.location, directory);
    } catch (error) {
      throw fileFailure(error, this.locate(directory));
    }
  }

  async remove(path: string): Promise<void> {
    await onFile(this.locate(path), () => {
      this.#claimed.require();
      return this.#directory.remove(this.locate(path));
    });
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await this.#claimed.handOver(marker, state, record);
    this.#cleanUp(clearAllTemporaries);
  }

  async takeBack(marker: string, state: TreeState, record?: string): Promise<void> {
    await this.#claimed.takeBack(marker, state, record);
  }

  async unclaim(marker: string): Promise<void> {
    await onFile(this.location, async () => {
      this.#claimed.require(marker);
      await this.#directory.remove(this.locate(STATE.version));
      await this.#directory.remove(this.locate(STATE.issuers));
    });
  }

  async confirmHandOver(): Promise<void> {
    await onFile(this.location, async () => {
      const files = [STATE.version, STATE.tree, STATE.record].map((file) => this.locate(file));
      await this.#directory.syncFound(...files);
    });
    this.#cleanUp(clearAllTemporaries);
    this.#cleanUp(clearStaleLock);
  }

  async publishCheckpoint(checkpoint: Uint8Array): Promise<boolean> {
    const path = this.locate(CHECKPOINT_PATH);
    return await onFile(path, () => this.#directory.create(path, checkpoint));
  }

  async openRepairs(): Promise<TargetRepairs> {
    const { source } = this.#options;
    return await onFile(this.location, () => {
      if (source !== undefined) requireApart(this.location, source);
      return new PosixRepairs(this.location, isInMemory(this.location));
    });
  }

  async close(): Promise<void> {}

  /** What has been handed over stays so, whatever cannot be removed. */
  #cleanUp(remove: (root: string) => void): void {
    try {
      remove(this.location);
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
    if ((await inspectDirectory(this.location)).kind !== "claimed") return;
    const own = new Set<string>(Object.values(STATE));
    for (const entry of fs.readdirSync(this.locate(STATE.directory), { withFileTypes: true })) {
      const name = `${STATE.directory}/${entry.name}`;
      if (!entry.isFile() || own.has(name)) continue;
      const { nlink, size } = fs.lstatSync(this.locate(name));
      const bytes = nlink > 1 && size <= MAX_SEPARATED_BYTES ? readUpTo(this.locate(name), size) : undefined;
      if (bytes !== undefined) await this.#directory.replace(this.locate(name), bytes);
    }
  }

  /** What is read here decides what is written, and what is written must not end up elsewhere. */
  #requireNoLinks(): void {
    const directories = [STATE.directory, "tile", ISSUER_DIRECTORY];
    this.#directory.requireInPlace(...directories.map((name) => this.locate(name)));
    // Other files are replaced, whatever they are.
    for (const name of [STATE.version, STATE.tree, STATE.record, STATE.temporaries]) {
      requireNoLink(this.locate(name));
    }
  }

  #noSpace(problem: string, expected?: string, found?: string): OperationError {
    const advice = "Free some space, or choose another target";
    return new OperationError({ object: this.location, problem, expected, found, advice });
  }
}

/** Reads and writes the objects of the log, for one thread. */
class PosixWriter implements TargetWriter {
  readonly #directory: DurableDirectory;

  constructor(root: string, temporaryDirectory: string) {
    const requireOurs = () => requireClaim(root);
    this.#directory = new DurableDirectory(root, temporaryDirectory, isInMemory(root), requireOurs);
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const file = join(this.#directory.root, path);
    return await onFile(file, () => readUpTo(file, maxBytes));
  }

  batch(): TargetBatch {
    return this.#directory.batch();
  }

  async close(): Promise<void> {}
}

/** The directory itself, or else the nearest above it that exists. */
function existingAbove(directory: string): string {
  let at = directory;
  while (at !== dirname(at) && !fs.existsSync(at)) at = dirname(at);
  return at;
}

function isInMemory(directory: string): boolean {
  return fs.statfsSync(directory).type === TMPFS_MAGIC;
}
