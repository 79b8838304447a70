/** A directory as MigrationTarget, in the layout that Sunlight takes over. */

import fs from "node:fs";
import { pathToFileURL } from "node:url";
import { TargetRefusedError } from "../../lib/errors.ts";
import type {
  IntegratedTree,
  MigrationTarget,
  SignedLog,
  SigningLock,
  SpaceNeeded,
  StoredObject,
  TargetContents,
  TargetWriter,
  TreeState,
} from "../../lib/migrate/ports/target.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { HANDOVER_PATH } from "../sunlight/handover-document.ts";
import { COMPRESSED } from "../sunlight/layout.ts";
import { type NamedLock, type StateDocuments, SunlightState } from "../sunlight/state.ts";
import { DirectoryTarget, type DirectoryTargetOptions } from "./directory-target.ts";
import { onFile } from "./errno.ts";
import { listObjects } from "./listing.ts";
import { clearStaleLocks } from "./lock.ts";
import { clearAllTemporaries } from "./process-files.ts";
import { enclosingLog, occupied, problemOf, STATE, stateText } from "./state.ts";
import { SunlightWriter } from "./sunlight-writer.ts";

/** Certificates compress to a third or half; an estimate that is too high would refuse a log that fits. */
const LEAST_COMPRESSED = 0.25;

export class SunlightTarget extends DirectoryTarget implements MigrationTarget {
  readonly treeStateName: string;
  readonly handsOverCheckpoint = true;
  readonly #state: SunlightState;

  /** @param directory the log's root, an absolute path; it may not exist yet. */
  constructor(directory: string, options: DirectoryTargetOptions, lock?: NamedLock) {
    super(directory, options, CHECKPOINT_PATH, `gzip+${pathToFileURL(directory).href}`);
    this.#state = new SunlightState(this.#documents(), lock);
    this.treeStateName = this.#state.treeStateName;
  }

  requireLog(log: SignedLog): void {
    this.#state.requireLog(log);
  }

  integratedTree(): Promise<IntegratedTree | undefined> {
    return this.#state.integratedTree();
  }

  async stateFaults(): Promise<[]> {
    return [];
  }

  signingLock(log: Pick<SignedLog, "origin" | "logId">): Promise<SigningLock> {
    return this.#state.signingLock(log);
  }

  override async requireFreeSpace({ bytes, objects }: SpaceNeeded): Promise<void> {
    await super.requireFreeSpace({ bytes: bytes * LEAST_COMPRESSED, objects });
  }

  override async *list(directory: string): AsyncGenerator<StoredObject> {
    for await (const object of super.list(directory)) {
      yield COMPRESSED.test(object.path) ? { ...object, isCompressed: true } : object;
    }
  }

  override async claim(marker: string): Promise<void> {
    await this.#state.prepare();
    await super.claim(marker);
  }

  openWriter(): TargetWriter {
    return new SunlightWriter(this.root);
  }

  async handOver(marker: string, state: TreeState, record: string, note?: Uint8Array): Promise<void> {
    await this.claimed.whileClaimed(marker, () => this.#state.handOver(marker, state, record, note));
    this.cleanUp(clearAllTemporaries);
  }

  async takeBack(marker: string, state: TreeState, record?: string): Promise<void> {
    await onFile(this.root, () => this.#state.takeBack(marker, state, record));
  }

  async confirmHandOver(): Promise<void> {
    await this.#state.confirmHandOver();
    await onFile(this.root, () => this.directory.syncFound(this.markerName, this.recordName));
    this.cleanUp(clearAllTemporaries);
    this.cleanUp(clearStaleLocks);
  }

  /** The handover has stored it. */
  async publishCheckpoint(): Promise<boolean> {
    return false;
  }

  close(): Promise<void> {
    return this.#state.close();
  }

  protected override async look(): Promise<TargetContents> {
    const enclosing = enclosingLog(this.root);
    if (enclosing !== undefined) return occupied(`a directory inside the log ${enclosing}`);
    const stat = fs.statSync(this.root, { throwIfNoEntry: false });
    if (stat !== undefined && !stat.isDirectory()) return occupied("a file, not a directory");
    for (const name of [CHECKPOINT_PATH, HANDOVER_PATH]) {
      const problem = problemOf(() => stateText(this.root, name));
      if (problem !== undefined) return occupied(`${name} ${problem}`);
    }
    for (const name of [STATE.version, STATE.tree]) {
      if (fs.existsSync(this.locate(name))) return occupied(`a log of Tessera, or a copy for it (${name})`);
    }
    const contents = await this.#state.inspect();
    if (this.options.readOnly !== true) await this.#state.requireUsable(contents);
    if (contents.kind !== "unclaimed") return contents;
    for await (const { path } of listObjects(this.root, "tile"))
      return { kind: "unclaimed-tiles", example: path };
    return { kind: "empty" };
  }

  #documents(): StateDocuments {
    const replace = async (path: string, instead: string | undefined, text: string | undefined) => {
      const found = stateText(this.root, path);
      if (found !== instead) throw changed(this.locate(path), found);
      if (text === undefined) await this.directory.remove(this.locate(path));
      else await this.directory.replace(this.locate(path), Buffer.from(text));
    };
    return {
      location: this.location,
      initial: undefined,
      locate: (path) => this.locate(path),
      read: async (path) => stateText(this.root, path),
      replace,
    };
  }
}

function changed(object: string, found = "nothing"): TargetRefusedError {
  return new TargetRefusedError({
    object,
    problem: "was changed while this copy was at work",
    found: found.slice(0, 200),
    advice: "Find out who else writes here, then run the same command again",
  });
}
