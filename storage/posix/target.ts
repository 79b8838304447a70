/** A directory as MigrationTarget, in the layout that Tessera's POSIX driver takes over. */

import fs from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OperationError, shellWord, systemErrorWords, TargetRefusedError } from "../../lib/errors.ts";
import type { Finding } from "../../lib/migrate/ports/executor.ts";
import type {
  IntegratedTree,
  MigrationTarget,
  SpaceNeeded,
  StoredObject,
  TargetBatch,
  TargetContents,
  TargetRepairs,
  TargetWriter,
  TreeState,
} from "../../lib/migrate/ports/target.ts";
import { attempt } from "../../lib/tlog/errors.ts";
import { CHECKPOINT_PATH, ISSUER_DIRECTORY } from "../../lib/tlog/layout.ts";
import { equalBytes, formatHash } from "../../lib/tlog/merkle.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { DurableDirectory } from "./durable.ts";
import { errnoCode, fileFailure, onFile } from "./errno.ts";
import { listObjects, requireNoLink } from "./listing.ts";
import { readUpTo } from "./object-file.ts";
import { LOG_NAMES, requireApart, requireNothingElse, requireNotRoot } from "./placement.ts";
import { clearAllTemporaries, clearStaleLock, takeLock, temporariesOf } from "./process-files.ts";
import { PosixRepairs } from "./repairs.ts";
import {
  COMPATIBLE_VERSION,
  claimText,
  formatCollection,
  formatTreeState,
  inspectDirectory,
  parseTreeState,
  requireClaim,
  requireUntouchedState,
  STATE,
  stateText,
} from "./state.ts";
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
  /** Failures to remove what nobody needs any more, for the operator. */
  readonly #leftovers: string[] = [];

  /** @param directory the log's root, an absolute path; it may not exist yet. */
  constructor(directory: string, options: PosixTargetOptions = {}) {
    this.location = directory;
    this.markerName = this.locate(STATE.version);
    this.recordName = this.locate(STATE.record);
    this.#options = options;
    this.#directory = new DurableDirectory(directory, temporariesOf(directory));
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
        await this.#makeClaimDurable();
      } catch (error) {
        if (errnoCode(error) === "ENOENT") this.#requireClaim();
        throw error;
      }
      await this.#separateState();
    });
    return await onFile(this.locate(STATE.lock), () => takeLock(this.#directory));
  }

  async claim(marker: string): Promise<void> {
    await onFile(this.location, async () => {
      this.#requireNoLinks();
      this.#directory.prepare([this.location]);
      if (await this.#directory.create(this.locate(STATE.version), claimText(marker))) return;
      throw this.#refusal(`${STATE.version} appeared while this copy started`);
    });
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.#onClaim(from, async () => {
      await this.#directory.replace(this.locate(STATE.version), claimText(to));
    });
  }

  async requireFreeSpace(needed: SpaceNeeded): Promise<void> {
    const { bavail, bsize, files, ffree } = await onFile(this.location, () => statfs(this.location));
    const free = bavail * bsize;
    if (free < needed.bytes) {
      const [expected, found] = [needed.bytes, free].map((bytes) => `${(bytes / 1e9).toFixed(2)} GB`);
      throw this.#noSpace("too little free space", expected, found);
    }
    // Some file systems create inodes as needed and count none.
    if (files === 0 || ffree >= needed.objects) return;
    throw this.#noSpace("too few inodes", formatCount(needed.objects), formatCount(ffree));
  }

  async warnings(): Promise<string[]> {
    const user = process.getuid?.();
    const owner = fs.statSync(this.locate(STATE.directory), { throwIfNoEntry: false })?.uid;
    if (user !== 0 || owner !== 0) return this.#leftovers;
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
      this.#requireClaim();
      return this.#directory.remove(this.locate(path));
    });
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await this.#onClaim(marker, async () => {
      // With one that this migration did not write, log software would publish from it, or never again.
      if (fs.lstatSync(this.locate(CHECKPOINT_PATH), { throwIfNoEntry: false }) !== undefined) {
        throw this.#refusal(`${CHECKPOINT_PATH} appeared while the copy was unfinished; move it away`);
      }
      this.#requireNoOtherTree(state);
      const collection = Buffer.from(formatCollection(state.collectFrom));
      await this.#directory.replace(this.locate(STATE.collection), collection);
      const tree = this.locate(STATE.tree);
      if (!(await this.#directory.create(tree, formatTreeState(state)))) {
        this.#requireNoOtherTree(state);
        await this.#directory.syncFound(tree);
      }
      await this.#directory.replace(this.locate(STATE.record), Buffer.from(record));
      this.#requireClaim(marker);
      await this.#directory.replace(this.locate(STATE.version), Buffer.from(COMPATIBLE_VERSION));
    });
    this.#cleanUp(clearAllTemporaries);
  }

  async takeBack(marker: string, state: TreeState, record?: string): Promise<void> {
    const version = this.locate(STATE.version);
    const guard = claimText(marker);
    await onFile(this.location, async () => {
      const before = record === undefined ? Buffer.from(guard).toString() : COMPATIBLE_VERSION;
      requireUntouchedState(this.location, state, { version: before, record });
      await this.#directory.replace(version, guard);
      try {
        // Log software may have started between the look and the guard.
        requireUntouchedState(this.location, state, { version: Buffer.from(guard).toString(), record });
      } catch (error) {
        // Without a tree state the next to start would begin a log at 0: then the guard stays.
        if (this.#holds(state)) await this.#directory.replace(version, Buffer.from(before));
        throw error;
      }
      for (const file of [STATE.tree, STATE.collection, STATE.record]) {
        this.#requireClaim(marker);
        await this.#directory.remove(this.locate(file));
      }
    });
  }

  async unclaim(marker: string): Promise<void> {
    await onFile(this.location, async () => {
      this.#requireClaim(marker);
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

  /** Writes under a claim: a handover by another copy is known by that, or by temporary files that vanish. */
  async #onClaim(marker: string, work: () => Promise<void>): Promise<void> {
    await onFile(this.location, async () => {
      this.#requireClaim(marker);
      try {
        await work();
      } catch (error) {
        if (errnoCode(error) === "ENOENT") this.#requireClaim(marker);
        throw error;
      }
    });
  }

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

  /** Whether this very tree state is there. */
  #holds(state: TreeState): boolean {
    const expected = Buffer.from(formatTreeState(state)).toString();
    return attempt(() => stateText(this.location, STATE.tree)) === expected;
  }

  /** An existing tree state must be the one that is handed over; an unreadable one is not. */
  #requireNoOtherTree(state: TreeState): void {
    if (fs.lstatSync(this.locate(STATE.tree), { throwIfNoEntry: false }) === undefined) return;
    const found = attempt(() => parseTreeState(stateText(this.location, STATE.tree) ?? ""));
    if (found?.size === state.size && equalBytes(found.rootHash, state.rootHash)) return;
    const expected = `size ${formatCount(state.size)}, root ${formatHash(state.rootHash)}`;
    throw this.#refusal(`${STATE.tree} exists, and is not ${expected}`);
  }

  /**
   * Before anything else is written: a claim that was found may exist only in a cache, and without it the tiles that
   * follow could be mistaken for a log after a power failure. The same is true of the root's own name, and of the
   * names above it if it was just made.
   */
  async #makeClaimDurable(): Promise<void> {
    await this.#directory.syncFound(this.locate(STATE.version));
    for (let at = this.location; at !== dirname(at); at = dirname(at)) {
      try {
        await this.#directory.syncFile(dirname(at));
      } catch (error) {
        // A directory that may be traversed but not read is older than this migration: its user cannot create one.
        // And some mounts above the target have directories that cannot be synced.
        if (!["EACCES", "EINVAL"].includes(errnoCode(error) ?? "")) throw error;
      }
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

  /** @throws TargetRefusedError unless the target is still claimed; given a marker, by exactly that one. */
  #requireClaim(marker?: string): void {
    this.#directory.requireInPlace(this.locate(STATE.directory));
    requireClaim(this.location, marker);
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

  #refusal(problem: string): TargetRefusedError {
    const advice = "Find out who else writes here, then run the same command again";
    return new TargetRefusedError({ object: this.location, problem, advice });
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

function isInMemory(directory: string): boolean {
  return fs.statfsSync(directory).type === TMPFS_MAGIC;
}
