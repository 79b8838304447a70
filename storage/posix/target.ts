/**
 * A directory as MigrationTarget, in the layout that Tessera's POSIX driver takes over. The claim is `.state/version`,
 * which every lifecycle of Tessera reads first and refuses unless it is `1`.
 */

import fs from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OperationError, TargetRefusedError } from "../../lib/errors.ts";
import type {
  IntegratedTree,
  MigrationTarget,
  SpaceNeeded,
  StoredObject,
  TargetContents,
  TargetWriter,
  TreeState,
} from "../../lib/migrate/ports/target.ts";
import { attempt } from "../../lib/tlog/errors.ts";
import { CHECKPOINT_PATH, ISSUER_DIRECTORY } from "../../lib/tlog/layout.ts";
import { equalBytes, formatHash } from "../../lib/tlog/merkle.ts";
import { DurableDirectory } from "./durable.ts";
import { errnoCode, onFile } from "./errno.ts";
import { listObjects, requireNoLink } from "./listing.ts";
import {
  clearAllTemporaries,
  clearOwnTemporaries,
  clearStaleLock,
  clearStaleTemporaries,
  takeLock,
  temporariesOf,
} from "./process-files.ts";
import {
  COLLECTION_STATE_FILE,
  COMPATIBLE_VERSION,
  claimText,
  formatTreeState,
  inspectDirectory,
  parseTreeState,
  RECORD_FILE,
  requireClaim,
  STATE_DIRECTORY,
  stateText,
  TREE_STATE_FILE,
  VERSION_FILE,
} from "./state.ts";
import { PosixWriter } from "./writer.ts";

const LOCK_FILE = `${STATE_DIRECTORY}/tlog-migrate.lock`;

export class PosixTarget implements MigrationTarget {
  readonly location: string;
  readonly treeStateName = TREE_STATE_FILE;
  readonly #directory: DurableDirectory;

  /** @param directory the log's root, an absolute path; it may not exist yet. */
  constructor(directory: string) {
    this.location = directory;
    this.#directory = new DurableDirectory(directory, temporariesOf(directory));
  }

  locate(path: string): string {
    return join(this.location, path);
  }

  async inspect(): Promise<TargetContents> {
    return await onFile(this.location, () => inspectDirectory(this.location));
  }

  async integratedTree(): Promise<IntegratedTree | undefined> {
    const state = stateText(this.location, TREE_STATE_FILE);
    return state === undefined ? undefined : parseTreeState(state);
  }

  async lock(): Promise<{ release(): Promise<void> }> {
    const path = this.locate(LOCK_FILE);
    await onFile(this.location, () => {
      this.#requireOwnIssuers();
      return this.#makeClaimDurable();
    });
    const lock = await onFile(path, () => takeLock(this.#directory, path));
    await onFile(path, () => clearStaleTemporaries(this.location));
    return {
      release: async () => {
        clearOwnTemporaries(this.location);
        await lock.release();
      },
    };
  }

  async claim(marker: string): Promise<void> {
    await onFile(this.location, async () => {
      this.#requireOwnIssuers();
      this.#directory.makeDirectory(this.location);
      if (await this.#directory.create(this.locate(VERSION_FILE), claimText(marker))) return;
      throw this.#refusal(`${VERSION_FILE} appeared while this copy started`);
    });
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await onFile(this.location, async () => {
      requireClaim(this.location, from);
      await this.#directory.replace(this.locate(VERSION_FILE), claimText(to));
    });
  }

  async requireFreeSpace(needed: SpaceNeeded): Promise<void> {
    const { bavail, bsize, files, ffree } = await onFile(this.location, () => statfs(this.location));
    const free = bavail * bsize;
    if (free < needed.bytes)
      throw this.#noSpace("too little free space", gigabytes(needed.bytes), gigabytes(free));
    // Some file systems create inodes as needed and count none.
    if (files === 0 || ffree >= needed.objects) return;
    throw this.#noSpace("too few inodes", `${needed.objects}`, `${ffree}`);
  }

  async warnings(): Promise<string[]> {
    const user = process.getuid?.();
    const owner = fs.statSync(this.locate(STATE_DIRECTORY), { throwIfNoEntry: false })?.uid;
    if (user !== 0 || owner !== 0) return [];
    return [
      `The files in ${this.location} belong to root: if the log software runs as another user, ` +
        `give them to it first (chown -R USER ${this.location})`,
    ];
  }

  openWriter(): TargetWriter {
    return new PosixWriter(this.location, temporariesOf(this.location));
  }

  async *list(directory: string): AsyncGenerator<StoredObject> {
    try {
      yield* listObjects(this.location, directory);
    } catch (error) {
      if (errnoCode(error) === undefined) throw error;
      await onFile(this.locate(directory), () => Promise.reject(error));
    }
  }

  async remove(path: string): Promise<void> {
    await onFile(this.locate(path), () => {
      requireClaim(this.location);
      return this.#directory.remove(this.locate(path));
    });
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await onFile(this.location, async () => {
      requireClaim(this.location, marker);
      this.#requireNoCheckpoint();
      this.#requireNoOtherTree(state);
      const collection = JSON.stringify({ fromSize: state.collectFrom });
      await this.#directory.replace(this.locate(COLLECTION_STATE_FILE), Buffer.from(collection));
      await this.#createTreeState(state);
      await this.#directory.replace(this.locate(RECORD_FILE), Buffer.from(record));
      requireClaim(this.location, marker);
      await this.#directory.replace(this.locate(VERSION_FILE), Buffer.from(COMPATIBLE_VERSION));
      clearAllTemporaries(this.location);
    });
  }

  async confirmHandOver(): Promise<void> {
    await onFile(this.location, async () => {
      const files = [VERSION_FILE, TREE_STATE_FILE, RECORD_FILE].map((file) => this.locate(file));
      await this.#directory.syncFound(...files);
      clearAllTemporaries(this.location);
      clearStaleLock(this.locate(LOCK_FILE));
    });
  }

  async publishCheckpoint(checkpoint: Uint8Array): Promise<boolean> {
    const path = this.locate(CHECKPOINT_PATH);
    return await onFile(path, () => this.#directory.create(path, checkpoint));
  }

  async close(): Promise<void> {}

  async #createTreeState(state: TreeState): Promise<void> {
    const path = this.locate(TREE_STATE_FILE);
    if (await this.#directory.create(path, formatTreeState(state))) return;
    this.#requireNoOtherTree(state);
    await this.#directory.syncFound(path);
  }

  /** An existing tree state must be the one that is handed over; an unreadable one is not. */
  #requireNoOtherTree(state: TreeState): void {
    const text = stateText(this.location, TREE_STATE_FILE);
    if (text === undefined) return;
    const found = attempt(() => parseTreeState(text));
    if (found?.size === state.size && equalBytes(found.rootHash, state.rootHash)) return;
    const expected = `size ${state.size}, root ${formatHash(state.rootHash)}`;
    throw this.#refusal(`${TREE_STATE_FILE} exists, and is not ${expected}`);
  }

  /** With a checkpoint that this migration did not write, log software would publish from it, or never again. */
  #requireNoCheckpoint(): void {
    if (fs.lstatSync(this.locate(CHECKPOINT_PATH), { throwIfNoEntry: false }) === undefined) return;
    throw this.#refusal(`${CHECKPOINT_PATH} appeared while the copy was unfinished; move it away`);
  }

  /**
   * Before anything else is written: a claim that was found may exist only in a cache, and without it the tiles that
   * follow could be mistaken for a log after a power failure. The same is true of the root's own name, and of the
   * names above it if it was just made.
   */
  async #makeClaimDurable(): Promise<void> {
    await this.#directory.syncFound(this.locate(VERSION_FILE));
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

  /** Issuers are listed only after all is copied, when a link in place of their directory would be written through. */
  #requireOwnIssuers(): void {
    requireNoLink(this.locate(ISSUER_DIRECTORY));
  }

  #refusal(problem: string): TargetRefusedError {
    const advice = "Find out who else writes here, then run the same command again";
    return new TargetRefusedError({ object: this.location, problem, advice });
  }

  #noSpace(problem: string, expected: string, found: string): OperationError {
    const advice = "Free some space, or choose another target";
    return new OperationError({ object: this.location, problem, expected, found, advice });
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
