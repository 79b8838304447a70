/** Where in a tree a run is: its seals, or groups of them where there are many, each with the share that is in place. */

import { ENTRIES_PER_SEAL, FULL_WIDTH } from "../../tlog/layout.ts";
import type { WorkUnit } from "../ports/executor.ts";

/** More than a person can distinguish; a map of any log takes as much memory, and as much time to read. */
export const MAX_CELLS = 1024;

/** The map as it is now. */
export interface SealCells {
  /** Seals in a cell, a power of two; the last cell may have fewer. */
  readonly sealsPerCell: number;
  /** Seals of the tree, with the one at its right edge that is not full yet. */
  readonly seals: number;
  /** For each cell the percentage of its entries that are in place, rounded down; 100 only once its seals are written. */
  readonly percent: readonly number[];
  /** Cells that are being worked on. */
  readonly inWork: readonly number[];
}

export class SealMap {
  readonly #entries = new Float64Array(MAX_CELLS);
  /** Seals that are due: their bundles are being copied, or are in place. */
  readonly #due = new Uint32Array(MAX_CELLS);
  readonly #units = new Uint32Array(MAX_CELLS);
  #size = 0;
  #sealsPerCell = 1;

  /** @param done entries that are in place, with their seals, and are left alone but for the partial bundle among them. */
  startRound(size: number, done: number): void {
    this.#size = size;
    this.#sealsPerCell = 1;
    while (this.#seals > MAX_CELLS * this.#sealsPerCell) this.#sealsPerCell *= 2;
    this.#due.fill(0);
    this.#units.fill(0);
    const kept = Math.floor(done / FULL_WIDTH) * FULL_WIDTH;
    this.#entries.forEach((_, cell) => {
      this.#entries[cell] = Math.max(0, Math.min(kept, this.#end(cell)) - this.#start(cell));
    });
  }

  /** A seal for which there is nothing to do: it was found in place, or the log is pruned there. */
  skipped(seal: number): void {
    this.#add(this.#entries, this.#cellOf(seal), ENTRIES_PER_SEAL);
  }

  /** A seal is to be written once what is below it is in place. */
  opened(seal: number): void {
    this.#add(this.#due, this.#cellOf(seal), 1);
  }

  sealed(seal: number): void {
    this.#add(this.#due, this.#cellOf(seal), -1);
  }

  /**
   * Runs units, and notes which are under way and which are in place. Several may be at work at the same time.
   * @param run gives them back in any order.
   */
  async *during<Result>(
    units: AsyncIterable<WorkUnit>,
    run: (units: AsyncIterable<WorkUnit>) => AsyncIterable<readonly [WorkUnit, Result]>,
  ): AsyncGenerator<readonly [WorkUnit, Result]> {
    const underWay = new Map<number, number>();
    const count = (cell: number, amount: number): void => {
      this.#add(this.#units, cell, amount);
      underWay.set(cell, (underWay.get(cell) ?? 0) + amount);
    };
    try {
      for await (const finished of run(this.#begun(units, count))) {
        const [cell, entries] = this.#placeOf(finished[0]);
        count(cell, -1);
        this.#add(this.#entries, cell, entries);
        yield finished;
      }
    } finally {
      for (const [cell, left] of underWay) this.#add(this.#units, cell, -left);
    }
  }

  cells(): SealCells {
    const count = Math.ceil(this.#seals / this.#sealsPerCell);
    const cells = Array.from({ length: count }, (_, cell) => cell);
    return {
      sealsPerCell: this.#sealsPerCell,
      seals: this.#seals,
      percent: cells.map((cell) => this.#percent(cell)),
      inWork: cells.filter((cell) => this.#units[cell] !== 0),
    };
  }

  async *#begun(
    units: AsyncIterable<WorkUnit>,
    count: (cell: number, amount: number) => void,
  ): AsyncGenerator<WorkUnit> {
    for await (const unit of units) {
      count(this.#placeOf(unit)[0], 1);
      yield unit;
    }
  }

  #percent(cell: number): number {
    const total = this.#end(cell) - this.#start(cell);
    const percent = Math.floor((100 * (this.#entries[cell] ?? 0)) / total);
    return Math.min(percent, this.#due[cell] === 0 ? 100 : 99);
  }

  get #seals(): number {
    return Math.ceil(this.#size / ENTRIES_PER_SEAL);
  }

  #start(cell: number): number {
    return Math.min(this.#size, cell * this.#sealsPerCell * ENTRIES_PER_SEAL);
  }

  #end(cell: number): number {
    return this.#start(cell + 1);
  }

  #cellOf(seal: number): number {
    return Math.floor(seal / this.#sealsPerCell);
  }

  #placeOf(unit: WorkUnit): [cell: number, entries: number] {
    const [bundle, entries] =
      unit.kind === "edge"
        ? [unit.bundle.index, unit.bundle.width]
        : [unit.firstBundle, unit.hashes.length * FULL_WIDTH];
    return [this.#cellOf(Math.floor(bundle / FULL_WIDTH)), entries];
  }

  #add(counts: Float64Array | Uint32Array, cell: number, amount: number): void {
    counts[cell] = (counts[cell] ?? 0) + amount;
  }
}
