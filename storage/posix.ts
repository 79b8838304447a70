/**
 * A directory as MigrationTarget, in the form that Tessera's POSIX driver takes over. The claim is
 * `.state/version`, which every lifecycle of Tessera reads first and refuses unless it is `1`.
 */

import fs from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { FormatError, OperationFailure, TargetRefused } from "../lib/tlog/errors.ts";
import { CHECKPOINT_PATH } from "../lib/tlog/layout.ts";
import { equalBytes, formatHash } from "../lib/tlog/merkle.ts";
import { DurableDirectory } from "./durable.ts";
import { errnoCode, onFile } from "./file-failure.ts";
import { takeLock } from "./posix-lock.ts";
import { PosixWriter } from "./posix-writer.ts";
import type {
  IntegratedTree,
  MigrationTarget,
  RoomNeeded,
  StoredObject,
  TargetContents,
  TargetWriter,
  TreeState,
} from "./target.ts";
import {
  COLLECTION_STATE_FILE,
  COMPATIBLE_VERSION,
  formatCollectionState,
  formatTreeState,
  parseTreeState,
  STATE_DIRECTORY,
  TREE_STATE_FILE,
  VERSION_FILE,
} from "./tessera-state.ts";

/** The words before the marker's JSON: what an operator reads when Tessera refuses the directory. */
const CLAIM_PREFIX = "migration-in-progress ";

const RECORD_FILE = `${STATE_DIRECTORY}/tlog-migrate.json`;
const LOCK_FILE = `${STATE_DIRECTORY}/tlog-migrate.lock`;
const TEMPORARY_DIRECTORY = `${STATE_DIRECTORY}/tlog-migrate.tmp`;

export class PosixTarget implements MigrationTarget {
  readonly location: string;
  readonly #directory: DurableDirectory;

  /** @param directory the log's root, an absolute path; it need not exist. */
  constructor(directory: string) {
    this.location = directory;
    this.#directory = new DurableDirectory(directory, join(directory, TEMPORARY_DIRECTORY));
  }

  locate(path: string): string {
    return join(this.location, path);
  }

  async inspect(): Promise<TargetContents> {
    const root = fs.statSync(this.location, { throwIfNoEntry: false });
    if (root === undefined) return { kind: "empty" };
    if (!root.isDirectory()) return { kind: "occupied", found: "a file, not a directory" };
    return await onFile(this.location, () => this.#contents());
  }

  async integratedTree(): Promise<IntegratedTree | undefined> {
    const state = await onFile(this.locate(TREE_STATE_FILE), () => this.#text(TREE_STATE_FILE));
    return state === undefined ? undefined : parseTreeState(Buffer.from(state));
  }

  async lock(): Promise<{ release(): Promise<void> }> {
    await onFile(this.location, () => this.#makeClaimDurable());
    const lock = await onFile(this.locate(LOCK_FILE), () =>
      takeLock(this.#directory, this.locate(LOCK_FILE)),
    );
    // Whoever wrote these was killed: nobody else is at work here.
    fs.rmSync(this.locate(TEMPORARY_DIRECTORY), { recursive: true, force: true });
    return lock;
  }

  async claim(marker: string): Promise<void> {
    await onFile(this.location, async () => {
      this.#directory.makeDirectory(this.location);
      const claimed = await this.#directory.create(this.locate(VERSION_FILE), claimText(marker));
      if (!claimed) throw this.#refusal(`${VERSION_FILE} appeared while this copy started`);
    });
  }

  async replaceMarker(marker: string): Promise<void> {
    await onFile(this.location, async () => {
      this.#requireClaim();
      await this.#directory.replace(this.locate(VERSION_FILE), claimText(marker));
    });
  }

  async requireRoom(needed: RoomNeeded): Promise<void> {
    const { bavail, bsize, files, ffree } = await onFile(this.location, () => statfs(this.location));
    const advice = "Make room, or choose another target";
    if (bavail * bsize < needed.bytes) {
      const [expected, found] = [gigabytes(needed.bytes), gigabytes(bavail * bsize)];
      throw new OperationFailure({
        object: this.location,
        problem: "too little space",
        expected,
        found,
        advice,
      });
    }
    // Some file systems make inodes as they need them and count none.
    if (files > 0 && ffree < needed.objects) {
      const [expected, found] = [`${needed.objects}`, `${ffree}`];
      throw new OperationFailure({
        object: this.location,
        problem: "too few inodes",
        expected,
        found,
        advice,
      });
    }
  }

  async warnings(): Promise<string[]> {
    const user = process.getuid?.();
    const owner = fs.statSync(dirname(this.locate(VERSION_FILE))).uid;
    if (user !== 0 || owner !== 0) return [];
    return [
      `The files in ${this.location} belong to root: if the log software runs as another user, ` +
        `give them to it first (chown -R USER ${this.location})`,
    ];
  }

  openWriter(): TargetWriter {
    return new PosixWriter(this.location, this.locate(TEMPORARY_DIRECTORY));
  }

  async *list(directory: string): AsyncGenerator<StoredObject> {
    // The calls below are synchronous, which is fastest; between directories others have their turn.
    await setImmediate();
    let names: fs.Dirent[];
    try {
      names = fs.readdirSync(this.locate(directory), { withFileTypes: true });
    } catch (error) {
      if (errnoCode(error) === "ENOENT") return;
      throw error;
    }
    for (const name of names) {
      const path = `${directory}/${name.name}`;
      if (name.isDirectory()) yield* this.list(path);
      else yield { path, bytes: fs.statSync(this.locate(path), { throwIfNoEntry: false })?.size ?? 0 };
    }
  }

  async remove(path: string): Promise<void> {
    await onFile(this.locate(path), () => this.#directory.remove(this.locate(path)));
  }

  async handOver(state: TreeState, record: string): Promise<void> {
    await onFile(this.location, async () => {
      this.#requireClaim();
      await this.#requireNoOtherTree(state);
      const collection = formatCollectionState(state.collectFrom);
      await this.#directory.replace(this.locate(COLLECTION_STATE_FILE), collection);
      await this.#createTreeState(state);
      await this.#directory.replace(this.locate(RECORD_FILE), Buffer.from(record));
      this.#requireClaim();
      await this.#directory.replace(this.locate(VERSION_FILE), Buffer.from(COMPATIBLE_VERSION));
      fs.rmSync(this.locate(TEMPORARY_DIRECTORY), { recursive: true, force: true });
    });
  }

  async publishCheckpoint(checkpoint: Uint8Array): Promise<boolean> {
    const path = this.locate(CHECKPOINT_PATH);
    return await onFile(path, () => this.#directory.create(path, checkpoint));
  }

  #contents(): TargetContents {
    const version = this.#text(VERSION_FILE);
    if (version?.startsWith(CLAIM_PREFIX)) {
      return { kind: "claimed", marker: version.slice(CLAIM_PREFIX.length) };
    }
    const record = this.#text(RECORD_FILE);
    if (version === COMPATIBLE_VERSION && record !== undefined) return { kind: "handed-over", record };
    const tree = this.#text(TREE_STATE_FILE);
    if (tree !== undefined)
      return { kind: "occupied", found: `a log with the tree state ${tree.slice(0, 200)}` };
    if (version !== undefined) {
      return {
        kind: "occupied",
        found: `log software has opened it (${VERSION_FILE}: ${version.slice(0, 100)})`,
      };
    }
    if (fs.existsSync(this.locate(CHECKPOINT_PATH))) return { kind: "occupied", found: "a checkpoint" };
    const example = firstFile(this.locate("tile"));
    return example === undefined ? { kind: "empty" } : { kind: "unclaimed-tiles", example };
  }

  /** Two migrations may not have claimed one directory, and log software may not have opened it. */
  #requireClaim(): void {
    const version = this.#text(VERSION_FILE);
    if (version?.startsWith(CLAIM_PREFIX)) return;
    throw this.#refusal(`${VERSION_FILE} is not this migration's claim any more: ${version ?? "it is gone"}`);
  }

  async #createTreeState(state: TreeState): Promise<void> {
    const path = this.locate(TREE_STATE_FILE);
    if (await this.#directory.create(path, formatTreeState(state))) return;
    await this.#requireNoOtherTree(state);
    await this.#directory.syncFile(path);
    await this.#directory.syncDirectories(new Set([dirname(path)]));
  }

  /** A tree state that is there already must be the one that is handed over; an unreadable one is not. */
  async #requireNoOtherTree(state: TreeState): Promise<void> {
    if (!fs.existsSync(this.locate(TREE_STATE_FILE))) return;
    const found = await this.integratedTree().catch(ignoreFormatError);
    if (found?.size !== state.size || !equalBytes(found.rootHash, state.rootHash)) {
      throw this.#refusal(
        `${TREE_STATE_FILE} is there and is not size ${state.size}, root ${formatHash(state.rootHash)}`,
      );
    }
  }

  #refusal(problem: string): TargetRefused {
    const advice = "Find out who else writes here; nothing of it was changed";
    return new TargetRefused({ object: this.location, problem, advice });
  }

  #text(path: string): string | undefined {
    try {
      return fs.readFileSync(this.locate(path), "utf8");
    } catch (error) {
      if (errnoCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /**
   * Before anything else is written: a claim that was found may live in a cache alone, and without it the
   * tiles that follow could be mistaken for a log after a power failure. The same holds for the root's own
   * name, and for the names above it where it was just made.
   */
  async #makeClaimDurable(): Promise<void> {
    await this.#directory.syncFile(this.locate(VERSION_FILE));
    await this.#directory.syncDirectories(new Set([this.locate(STATE_DIRECTORY)]));
    for (let at = this.location; at !== dirname(at); at = dirname(at)) {
      try {
        await this.#directory.syncFile(dirname(at));
      } catch (error) {
        // A directory that may be passed but not read is older than this migration: its user cannot make one.
        if (errnoCode(error) !== "EACCES") throw error;
      }
    }
  }
}

/** A state that cannot be read is not the one that is wanted. */
function ignoreFormatError(error: unknown): undefined {
  if (!(error instanceof FormatError)) throw error;
}

function claimText(marker: string): Uint8Array {
  return Buffer.from(`${CLAIM_PREFIX}${marker}`);
}

function firstFile(directory: string): string | undefined {
  if (!fs.existsSync(directory)) return undefined;
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    const found = entry.isDirectory() ? firstFile(path) : path;
    if (found !== undefined) return found;
  }
  return undefined;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
