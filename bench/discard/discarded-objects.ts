/**
 * What was thrown away of a log: entry bundles and full level-0 tiles. Two bytes for each on a file in memory, its
 * width, so that threads can note and list what nobody has.
 */

import { constants, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { StoredObject } from "../../lib/migrate/ports/target.ts";
import { minBundleSize } from "../../lib/tlog/bundle.ts";
import {
  bundlePath,
  FULL_WIDTH,
  type LogFormat,
  parseResourcePath,
  tilePath,
} from "../../lib/tlog/layout.ts";
import { HASH_SIZE } from "../../lib/tlog/merkle.ts";

/** A row of objects that are thrown away: the entry bundles of a format, or the full level-0 tiles. */
export type DiscardedRow = LogFormat | "level-0";

/** An object that is thrown away. */
export interface DiscardedObject {
  readonly row: DiscardedRow;
  readonly index: number;
  readonly width: number;
}

const ROWS: readonly DiscardedRow[] = ["tiles", "static-ct", "level-0"];
const WIDTH_BYTES = Uint16Array.BYTES_PER_ELEMENT;
/** Widths that are read at once. */
const WIDTHS_A_READ = 1 << 15;

/** What a path names, undefined for objects that are kept. */
export function discardedObject(path: string): DiscardedObject | undefined {
  const resource = parseResourcePath(path);
  if (resource?.kind === "bundle") return { row: resource.format, ...resource.bundle };
  if (resource?.kind !== "tile" || resource.tile.level !== 0) return undefined;
  const { index, width } = resource.tile;
  // The partial tile is read back when the root is recomputed.
  if (width < FULL_WIDTH) return undefined;
  return { row: "level-0", index, width };
}

/** The notes below one directory. An instance belongs to one thread; the files are everybody's. */
export class DiscardedObjects {
  readonly #directory: string;
  readonly #open = new Map<DiscardedRow, number>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Forgets what an earlier migration threw away. */
  clear(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Notes objects; of two widths of one index the last counts. Neighbours are noted in one call. */
  add(objects: readonly DiscardedObject[]): void {
    for (const row of ROWS) {
      const noted = objects.filter((object) => object.row === row).sort((a, b) => a.index - b.index);
      for (let from = 0, to = 1; from < noted.length; from = to++) {
        const first = noted[from]?.index as number;
        while (noted[to]?.index === first + to - from) to++;
        const widths = Uint16Array.from(noted.slice(from, to), ({ width }) => width);
        writeSync(this.#fileOf(row), widths, 0, widths.byteLength, first * WIDTH_BYTES);
      }
    }
  }

  /** Everything that was thrown away. Of bundles the least size counts: their sizes are not noted. */
  *list(): Generator<StoredObject> {
    for (const row of ROWS) {
      for (const object of this.#rowObjects(row)) yield { path: pathOf(object), bytes: leastBytes(object) };
    }
  }

  *#rowObjects(row: DiscardedRow): Generator<DiscardedObject> {
    const widths = new Uint16Array(WIDTHS_A_READ);
    for (let first = 0; ; first += WIDTHS_A_READ) {
      const bytes = readSync(this.#fileOf(row), widths, 0, widths.byteLength, first * WIDTH_BYTES);
      for (let i = 0; i < bytes / WIDTH_BYTES; i++) {
        const width = widths[i] as number;
        if (width > 0) yield { row, index: first + i, width };
      }
      if (bytes < widths.byteLength) return;
    }
  }

  #fileOf(row: DiscardedRow): number {
    let file = this.#open.get(row);
    if (file === undefined) {
      mkdirSync(this.#directory, { recursive: true });
      file = openSync(join(this.#directory, row), constants.O_RDWR | constants.O_CREAT);
      this.#open.set(row, file);
    }
    return file;
  }
}

/** The fewest bytes that an object can have; a tile has exactly so many. */
export function leastBytes({ row, width }: DiscardedObject): number {
  return row === "level-0" ? width * HASH_SIZE : minBundleSize(row, width);
}

function pathOf({ row, index, width }: DiscardedObject): string {
  return row === "level-0" ? tilePath({ level: 0, index, width }) : bundlePath(row, { index, width });
}
