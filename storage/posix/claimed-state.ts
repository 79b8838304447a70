/**
 * The private state of a log in a directory while this migration has claimed it, and how it is handed over: each change
 * is durable before the next, and a crash between any two is finished by the next run.
 */

import fs from "node:fs";
import { dirname, join } from "node:path";
import { TargetRefusedError } from "../../lib/errors.ts";
import { MAX_OBJECT_BYTES } from "../../lib/migrate/ports/source.ts";
import type { TreeState } from "../../lib/migrate/ports/target.ts";
import { attempt } from "../../lib/tlog/errors.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { equalBytes, formatHash } from "../../lib/tlog/merkle.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { claimText } from "../shared/claim-text.ts";
import type { DurableDirectory } from "./durable.ts";
import { errnoCode, onFile } from "./errno.ts";
import { readUpTo } from "./object-file.ts";
import {
  COMPATIBLE_VERSION,
  formatCollection,
  formatTreeState,
  parseTreeState,
  requireClaim,
  requireUntouchedState,
  STATE,
  stateText,
} from "./state.ts";

export class ClaimedState {
  readonly #root: string;
  readonly #directory: DurableDirectory;
  readonly #guard: string;

  /** @param guard what log software reads first, below the root: it has the claim. What follows is of Tessera's by default. */
  constructor(directory: DurableDirectory, guard: string = STATE.version) {
    this.#root = directory.root;
    this.#directory = directory;
    this.#guard = guard;
  }

  async claim(marker: string): Promise<void> {
    this.#directory.prepare([this.#root]);
    if (await this.#directory.create(this.#locate(this.#guard), Buffer.from(claimText(marker)))) return;
    throw this.#otherWriter(`${this.#guard} appeared while this copy started`);
  }

  /** @throws TargetRefusedError unless the target is still claimed; given a marker, by exactly that one. */
  require(marker?: string): void {
    this.#directory.requireInPlace(this.#locate(STATE.directory));
    requireClaim(this.#root, marker, this.#guard);
  }

  /** Writes under a claim: a handover by another copy is known by that, or by temporary files that vanish. */
  async whileClaimed(marker: string, work: () => Promise<void>): Promise<void> {
    await onFile(this.#root, async () => {
      this.require(marker);
      try {
        await work();
      } catch (error) {
        if (errnoCode(error) === "ENOENT") this.require(marker);
        throw error;
      }
    });
  }

  /**
   * Before anything else is written: a claim that was found may exist only in a cache, and without it the tiles that
   * follow could be mistaken for a log after a power failure. The same is true of the root's own name, and of the
   * names above it if it was just made.
   */
  async makeDurable(): Promise<void> {
    await this.#directory.syncFound(this.#locate(this.#guard));
    for (let at = this.#root; at !== dirname(at); at = dirname(at)) {
      try {
        await this.#directory.syncFile(dirname(at));
      } catch (error) {
        // A directory that may be traversed but not read is older than this migration: its user cannot create one.
        // And some mounts above the target have directories that cannot be synced.
        if (!["EACCES", "EINVAL"].includes(errnoCode(error) ?? "")) throw error;
      }
    }
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await this.whileClaimed(marker, async () => {
      // With one that this migration did not write, log software would publish from it, or never again.
      if (fs.lstatSync(this.#locate(CHECKPOINT_PATH), { throwIfNoEntry: false }) !== undefined) {
        throw this.#otherWriter(`${CHECKPOINT_PATH} appeared while the copy was unfinished; move it away`);
      }
      this.#requireNoOtherTree(state);
      const collection = Buffer.from(formatCollection(state.collectFrom));
      await this.#directory.replace(this.#locate(STATE.collection), collection);
      const tree = this.#locate(STATE.tree);
      if (!(await this.#directory.create(tree, formatTreeState(state)))) {
        this.#requireNoOtherTree(state);
        await this.#directory.syncFound(tree);
      }
      await this.#directory.replace(this.#locate(STATE.record), Buffer.from(record));
      this.require(marker);
      await this.#directory.replace(this.#locate(STATE.version), Buffer.from(COMPATIBLE_VERSION));
    });
  }

  /** Of a mirror: a reader of the directory sees one checkpoint or the other, and never none. */
  async replaceCheckpoint(
    marker: string,
    before: Uint8Array | undefined,
    checkpoint: Uint8Array,
  ): Promise<void> {
    const path = this.#locate(CHECKPOINT_PATH);
    await this.whileClaimed(marker, async () => {
      const found = readUpTo(path, MAX_OBJECT_BYTES);
      // It may be in a cache alone, if its process was killed.
      if (found !== undefined && equalBytes(found, checkpoint)) return await this.#directory.syncFound(path);
      await this.#directory.replace(path, checkpoint, () => {
        // Another copy may have published a larger one while this one was suspended.
        this.require(marker);
        const now = readUpTo(path, MAX_OBJECT_BYTES);
        const isSame = now === undefined || before === undefined ? now === before : equalBytes(now, before);
        if (!isSame) throw this.#otherWriter(`${CHECKPOINT_PATH} is not what this mirror has published`);
      });
    });
  }

  async takeBack(marker: string, state: TreeState, record?: string): Promise<void> {
    const version = this.#locate(STATE.version);
    const guard = claimText(marker);
    await onFile(this.#root, async () => {
      const before = record === undefined ? guard : COMPATIBLE_VERSION;
      requireUntouchedState(this.#root, state, { version: before, record });
      await this.#directory.replace(version, Buffer.from(guard));
      try {
        // Log software may have started between the look and the guard.
        requireUntouchedState(this.#root, state, { version: guard, record });
      } catch (error) {
        // Without a tree state the next to start would begin a log at 0: then the guard stays.
        if (this.#holds(state)) await this.#directory.replace(version, Buffer.from(before));
        throw error;
      }
      for (const file of [STATE.tree, STATE.collection, STATE.record]) {
        this.require(marker);
        await this.#directory.remove(this.#locate(file));
      }
    });
  }

  #locate(name: string): string {
    return join(this.#root, name);
  }

  /** Whether this very tree state is there. */
  #holds(state: TreeState): boolean {
    const expected = Buffer.from(formatTreeState(state)).toString();
    return attempt(() => stateText(this.#root, STATE.tree)) === expected;
  }

  /** An existing tree state must be the one that is handed over; an unreadable one is not. */
  #requireNoOtherTree(state: TreeState): void {
    if (fs.lstatSync(this.#locate(STATE.tree), { throwIfNoEntry: false }) === undefined) return;
    const found = attempt(() => parseTreeState(stateText(this.#root, STATE.tree) ?? ""));
    if (found?.size === state.size && equalBytes(found.rootHash, state.rootHash)) return;
    const expected = `size ${formatCount(state.size)}, root ${formatHash(state.rootHash)}`;
    throw this.#otherWriter(`${STATE.tree} exists, and is not ${expected}`);
  }

  #otherWriter(problem: string): TargetRefusedError {
    const advice = "Find out who else writes here, then run the same command again";
    return new TargetRefusedError({ object: this.#root, problem, advice });
  }
}
