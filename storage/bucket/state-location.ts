/** Where the operator looked for the private state of a log in a bucket, checked against what the bucket says of it. */

import { UsageError } from "../../lib/errors.ts";
import type { ExternalState, TargetContents } from "../../lib/migrate/ports/target.ts";
import type { Bucket } from "./bucket.ts";
import type { LogState, StoreReader } from "./log-state.ts";
import { readStateObject } from "./state-object.ts";

export class StateLocation implements ExternalState {
  readonly isNamed: boolean;
  readonly #bucket: Bucket;
  readonly #readers: readonly StoreReader[];
  /** The options that name the state store, if one was named. */
  readonly #options: string | undefined;

  constructor(bucket: Bucket, readers: readonly StoreReader[], store: LogState | undefined) {
    this.isNamed = store !== undefined;
    this.#bucket = bucket;
    this.#readers = readers;
    this.#options = store?.options;
  }

  async requireNamed({ kind }: TargetContents): Promise<void> {
    if (kind !== "occupied") return;
    const stated = await readStateObject(this.#bucket, this.#readers);
    const options = this.#options;
    const store = stated?.store;
    if (store !== undefined && store !== options) {
      throw this.#error("has its tree state in another place", store, `Pass ${store}`);
    }
    if (stated?.kind !== undefined && options !== undefined) {
      throw this.#error("is a mirror, which has no tree state", undefined, `Leave ${options} out`);
    }
  }

  noTreeState(): UsageError {
    const advice =
      "Name the log's own; without these options the log is checked against its checkpoint alone";
    return this.#error("has no tree state in the state store that was named", undefined, advice);
  }

  #error(problem: string, expected: string | undefined, advice: string): UsageError {
    const found = this.#options ?? "no option that names it";
    return new UsageError({ object: this.#bucket.location, problem, expected, found, advice });
  }
}
