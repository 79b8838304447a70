/** The map of the tree: a cell for each seal, or for a group of them. */

import type { SealFacts } from "../document.ts";
import { create, element, setText } from "./elements.ts";
import { count } from "./words.ts";

const ENTRIES_PER_SEAL = 65_536;

/** Cells are as large as fits into this area, in pixels. */
const MAX_HEIGHT = 170;
const [MIN_CELL, MAX_CELL] = [8, 26];
const GAP = 2;

export class SealCells {
  readonly #place = element("cells");
  #cells: HTMLElement[] = [];
  #facts: SealFacts = { sealsPerCell: 1, seals: 0, percent: [], inWork: [] };
  #chosen: number | undefined;
  #word = "sealed";

  constructor() {
    this.#place.addEventListener("pointermove", ({ target }) => {
      const pointed = this.#cells.indexOf(target as HTMLElement);
      if (pointed !== -1) this.#choose(pointed);
    });
    this.#place.addEventListener("pointerleave", () => this.#choose(undefined));
    this.#place.addEventListener("blur", () => this.#choose(undefined));
    this.#place.addEventListener("keydown", (event) => {
      const to = this.#reachedBy(event.key);
      if (to === undefined) return;
      event.preventDefault();
      this.#choose(Math.max(0, Math.min(to, this.#cells.length - 1)));
    });
    new ResizeObserver(() => this.#resize()).observe(this.#place);
  }

  /** @param word what seals are that are done. */
  show(facts: SealFacts, word: string): void {
    this.#facts = facts;
    this.#word = word;
    const { percent, inWork, sealsPerCell } = facts;
    if (percent.length !== this.#cells.length) this.#fill(percent.length);
    const working = new Set(inWork);
    for (const [index, cell] of this.#cells.entries()) {
      const share = `${shareOf(percent[index] ?? 0)}`;
      if (cell.dataset.share !== share) cell.dataset.share = share;
      cell.toggleAttribute("data-work", working.has(index));
    }
    const whole = percent.filter((each) => each === 100).length;
    const cells = sealsPerCell === 1 ? "" : `, ${count(sealsPerCell)} seals a cell`;
    setText("sealed-word", word);
    setText(
      "map-summary",
      `${count(whole)} of ${count(percent.length)} ${word}, ${inWork.length} in work${cells}`,
    );
    this.#describe();
  }

  #fill(length: number): void {
    this.#cells = Array.from({ length }, () => create("span", "", { class: "cell" }));
    this.#place.replaceChildren(...this.#cells);
    this.#place.setAttribute("aria-valuemax", `${Math.max(1, length)}`);
    if (this.#chosen !== undefined && this.#chosen >= length) this.#chosen = undefined;
    this.#resize();
  }

  #resize(): void {
    const area = this.#place.clientWidth * MAX_HEIGHT;
    const side = Math.floor(Math.sqrt(area / Math.max(1, this.#cells.length))) - GAP;
    this.#place.style.setProperty("--size", `${Math.max(MIN_CELL, Math.min(side, MAX_CELL))}px`);
  }

  #choose(cell: number | undefined): void {
    if (cell === this.#chosen) return;
    for (const [index, isChosen] of [
      [this.#chosen, false],
      [cell, true],
    ] as const) {
      if (index !== undefined) this.#cells[index]?.toggleAttribute("data-chosen", isChosen);
    }
    this.#chosen = cell;
    this.#describe();
  }

  /** What is known of the chosen cell. */
  #describe(): void {
    const cell = this.#chosen ?? 0;
    const text = this.#textOf(cell);
    this.#place.setAttribute("aria-valuenow", `${cell + 1}`);
    this.#place.setAttribute("aria-valuetext", text);
    setText("map-cell", this.#chosen === undefined ? "Point at a cell, or use the arrow keys." : text);
  }

  #textOf(cell: number): string {
    const { sealsPerCell, seals, percent, inWork } = this.#facts;
    if (percent.length === 0) return "Nothing yet";
    const first = cell * sealsPerCell;
    const last = Math.min(seals, first + sealsPerCell) - 1;
    const names = first === last ? `Seal ${count(first)}` : `Seals ${count(first)} to ${count(last)}`;
    const share = percent[cell] ?? 0;
    const state = share === 100 ? this.#word : share === 0 ? "open" : `${share} % in place`;
    const from = `from entry ${count(first * ENTRIES_PER_SEAL)}`;
    return `${names}, ${from}: ${state}${inWork.includes(cell) ? ", in work" : ""}`;
  }

  #reachedBy(key: string): number | undefined {
    const [at, columns] = [this.#chosen ?? 0, this.#columns];
    if (this.#chosen === undefined && key.startsWith("Arrow")) return 0;
    switch (key) {
      case "ArrowRight":
        return at + 1;
      case "ArrowLeft":
        return at - 1;
      case "ArrowDown":
        return at + columns;
      case "ArrowUp":
        return at - columns;
      case "Home":
        return 0;
      case "End":
        return this.#cells.length - 1;
      default:
        return undefined;
    }
  }

  get #columns(): number {
    return getComputedStyle(this.#place).gridTemplateColumns.split(" ").length;
  }
}

/** Tenths that are in place; what has begun is seen, and what is not whole is not shown as whole. */
function shareOf(percent: number): number {
  return percent === 0 || percent === 100 ? percent / 10 : Math.max(1, Math.floor(percent / 10));
}
