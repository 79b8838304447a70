/** A directory as MigrationTarget, in the layout that Tessera's POSIX driver takes over. */

import type { Finding } from "../../lib/migrate/ports/executor.ts";
import type {
  IntegratedTree,
  MigrationTarget,
  TargetContents,
  TargetRepairs,
  TargetWriter,
  TreeState,
} from "../../lib/migrate/ports/target.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { DirectoryTarget, type DirectoryTargetOptions, isInMemory } from "./directory-target.ts";
import { onFile } from "./errno.ts";
import { clearStaleLocks } from "./lock.ts";
import { requireApart } from "./placement.ts";
import { clearAllTemporaries } from "./process-files.ts";
import { PosixRepairs } from "./repairs.ts";
import { inspectDirectory, parseTreeState, STATE, stateText } from "./state.ts";
import { stateFaults } from "./state-faults.ts";
import { PosixWriter } from "./writer.ts";

export class PosixTarget extends DirectoryTarget implements MigrationTarget {
  readonly treeStateName = STATE.tree;

  /** @param directory the log's root, an absolute path; it may not exist yet. */
  constructor(directory: string, options: DirectoryTargetOptions = {}) {
    super(directory, options, STATE.version);
  }

  async integratedTree(): Promise<IntegratedTree | undefined> {
    const state = stateText(this.location, STATE.tree);
    return state === undefined ? undefined : parseTreeState(state);
  }

  async stateFaults(): Promise<Finding[]> {
    return await stateFaults(this.location);
  }

  openWriter(): TargetWriter {
    return new PosixWriter(this.location);
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await this.claimed.handOver(marker, state, record);
    this.cleanUp(clearAllTemporaries);
  }

  async takeBack(marker: string, state: TreeState, record?: string): Promise<void> {
    await this.claimed.takeBack(marker, state, record);
  }

  async confirmHandOver(): Promise<void> {
    await onFile(this.location, async () => {
      const files = [STATE.version, STATE.tree, STATE.record].map((file) => this.locate(file));
      await this.directory.syncFound(...files);
    });
    this.cleanUp(clearAllTemporaries);
    this.cleanUp(clearStaleLocks);
  }

  async publishCheckpoint(checkpoint: Uint8Array): Promise<boolean> {
    const path = this.locate(CHECKPOINT_PATH);
    return await onFile(path, () => this.directory.create(path, checkpoint));
  }

  async replaceCheckpoint(
    marker: string,
    before: Uint8Array | undefined,
    checkpoint: Uint8Array,
  ): Promise<void> {
    await this.claimed.replaceCheckpoint(marker, before, checkpoint);
  }

  async openRepairs(): Promise<TargetRepairs> {
    const { source } = this.options;
    return await onFile(this.location, () => {
      if (source !== undefined) requireApart(this.location, source);
      return new PosixRepairs(this.location, isInMemory(this.location));
    });
  }

  async close(): Promise<void> {}

  protected override look(): Promise<TargetContents> {
    return inspectDirectory(this.location);
  }
}
