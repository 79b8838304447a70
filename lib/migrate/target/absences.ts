/** What a target lacks of a pruned log. */

import { FULL_WIDTH, type LogResource } from "../../tlog/layout.ts";
import { endIndex } from "../../tlog/pruning.ts";

/** Tiles and bundles that a listing has missed, and that may be missing. */
export class Absences {
  #bundles = 0;
  #lastBundle = -1;
  #end = 0;

  add(resource: LogResource): void {
    this.#end = Math.max(this.#end, endIndex(resource));
    if (resource.kind === "tile") return;
    this.#bundles++;
    this.#lastBundle = Math.max(this.#lastBundle, resource.bundle.index);
  }

  /** Entries without a bundle. */
  get entries(): number {
    return this.#bundles * FULL_WIDTH;
  }

  /** The lowest minimum index that a log which lacks just these can have; 0 if nothing is missing. */
  get minIndex(): number {
    return this.#end;
  }

  /** Whether bundles are missing after some that are there: pruning cuts off the beginning of a log. */
  get hasGaps(): boolean {
    return this.#bundles !== this.#lastBundle + 1;
  }
}
