/**
 * The partial tiles and bundles that rounds of a copy leave behind: a log that grows by an entry at a time would keep 255
 * of them for each full one.
 */

import {
  bundlePath,
  FULL_WIDTH,
  isPartialPath,
  type LogFormat,
  parseResourcePath,
  rightEdge,
  tilePath,
  tileWidth,
} from "../../tlog/layout.ts";
import type { MigrationTarget } from "../ports/target.ts";

/** Most that are removed after a round, which others wait for. */
const REMOVED_A_ROUND = 64;

interface PartialObject {
  readonly level: number;
  readonly index: number;
  readonly width: number;
  /** When it was seen that a full one has replaced it, as `performance.now()` has it. */
  fullSince?: number;
}

export class PartialObjects {
  readonly #format: LogFormat;
  readonly #objects = new Map<string, PartialObject>();

  constructor(format: LogFormat) {
    this.#format = format;
  }

  /** Those of the right edge of a tree, which this run may store. */
  addEdge(size: number): void {
    for (const tile of rightEdge(size)) {
      this.#add(tilePath(tile), tile);
      if (tile.level === 0) this.#add(bundlePath(this.#format, tile), tile);
    }
  }

  /** One that an earlier run may have left. @param path of any object. */
  addFound(path: string): void {
    const resource = isPartialPath(path) ? parseResourcePath(path) : undefined;
    if (resource === undefined) return;
    this.#add(path, resource.kind === "tile" ? resource.tile : { level: 0, ...resource.bundle });
  }

  /**
   * Removes what larger ones of a tree have replaced, which is not public.
   * @param kept size of a tree whose own stay.
   */
  async removeReplaced(target: MigrationTarget, size: number, kept = 0): Promise<void> {
    await this.#remove(
      target,
      ({ level, index, width }) =>
        tileWidth(size, level, index) > width && tileWidth(kept, level, index) !== width,
    );
  }

  /**
   * Removes what full ones of a published tree have replaced for some time. Readers of earlier checkpoints may ask for
   * the full ones instead (https://c2sp.org/tlog-tiles#partial-tiles), but not for other partial ones.
   */
  async removeFull(target: MigrationTarget, size: number, keptMs: number): Promise<void> {
    const now = performance.now();
    await this.#remove(target, (object) => {
      if (tileWidth(size, object.level, object.index) < FULL_WIDTH) return false;
      object.fullSince ??= now;
      return now - object.fullSince >= keptMs;
    });
  }

  #add(path: string, { level, index, width }: PartialObject): void {
    if (!this.#objects.has(path)) this.#objects.set(path, { level, index, width });
  }

  async #remove(target: MigrationTarget, isDue: (object: PartialObject) => boolean): Promise<void> {
    const due = [...this.#objects].filter(([, object]) => isDue(object)).slice(0, REMOVED_A_ROUND);
    for (const [path] of due) {
      await target.remove(path);
      this.#objects.delete(path);
    }
  }
}
