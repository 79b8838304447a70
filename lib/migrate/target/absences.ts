/** The objects of a pruned log that a listing lacks. */

import { FULL_WIDTH, type LogResource } from "../../tlog/layout.ts";
import { endIndex, mayBePruned } from "../../tlog/pruning.ts";

/** Missing tiles and bundles, which are allowed below a minimum index. */
export class Absences {
  readonly #allowed: number;
  #bundles = 0;
  #lastBundle = -1;
  #end = 0;

  /** @param allowed the minimum index below which they may be missing. */
  constructor(allowed = 0) {
    this.#allowed = allowed;
  }

  /** Adds a missing object; false if it must not be missing. */
  add(resource: LogResource): boolean {
    if (!mayBePruned(resource, this.#allowed)) return false;
    this.#end = Math.max(this.#end, endIndex(resource));
    if (resource.kind === "tile") return true;
    this.#bundles++;
    this.#lastBundle = Math.max(this.#lastBundle, resource.bundle.index);
    return true;
  }

  /** Entries without a bundle. */
  get entries(): number {
    return this.#bundles * FULL_WIDTH;
  }

  /** The lowest minimum index that allows these objects to be missing; 0 if nothing is missing. */
  get minIndex(): number {
    return this.#end;
  }

  /** Whether bundles are missing after some that exist: pruning only removes the first entries of a log. */
  get hasGaps(): boolean {
    return this.#bundles !== this.#lastBundle + 1;
  }
}
