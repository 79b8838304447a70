/**
 * The binding between a bucket and the state store of its log, compared with the operator's options. Both name each
 * other: otherwise a store would be accepted for any bucket, or a bucket for any store, and log software would sign a
 * tree whose tiles are in another bucket.
 */

import { TargetRefusedError, UsageError } from "../../lib/errors.ts";
import type { ExternalState, TargetContents } from "../../lib/migrate/ports/target.ts";
import type { Bucket } from "./bucket.ts";
import type { LogState, PrivateState, StateContents, StoreReader } from "./log-state.ts";
import { MirrorState } from "./mirror-state.ts";
import { readStateObject, STATE_OBJECT, type StateObject, writeDocument } from "./state-object.ts";

export class StateBinding implements ExternalState {
  readonly isNamed: boolean;
  /** In the store, or for a mirror in the bucket. */
  readonly state: PrivateState;
  readonly #bucket: Bucket;
  readonly #store: LogState | undefined;
  readonly #readers: readonly StoreReader[];

  constructor(bucket: Bucket, store: LogState | undefined, readers: readonly StoreReader[]) {
    this.isNamed = store !== undefined;
    this.state = store ?? new MirrorState(bucket);
    this.#bucket = bucket;
    this.#store = store;
    this.#readers = readers;
  }

  /** What the private state says, where the bucket does not contradict it. */
  async inspect(): Promise<StateContents> {
    const store = this.#store;
    if (store === undefined) return await this.state.inspect();
    const stated = await this.#stated();
    if (stated !== undefined && stated.store !== store.options) {
      return { kind: "occupied", found: describe(stated) };
    }
    const state = await store.inspect();
    if (state.kind === "unclaimed" || state.kind === "occupied") return state;
    const { location, ...contents } = state;
    return stated === undefined ? { kind: "occupied", found: unbound(store, location) } : contents;
  }

  /** Binds the bucket to its store, which is prepared first: a bucket is bound to none that cannot be. */
  async bind(): Promise<void> {
    if (this.#store === undefined) return;
    await this.#store.prepare();
    // Another copy into this target and this store may be faster, and writes the same.
    if ((await this.#stated()) === undefined) {
      await writeDocument(this.#bucket, STATE_OBJECT, `${JSON.stringify(this.#store.binding)}\n`);
    }
    await this.requireBound();
  }

  /** The bucket names no store any more, if it named this one. */
  async unbind(): Promise<void> {
    if (this.#store === undefined) return;
    const stated = await this.#stated();
    if (stated?.store === this.#store.options) await this.#bucket.remove(STATE_OBJECT, stated);
  }

  /** @throws TargetRefusedError unless the bucket names the store. */
  async requireBound(): Promise<void> {
    if (this.#store === undefined) return;
    const stated = await this.#stated();
    if (stated?.store === this.#store.options) return;
    throw new TargetRefusedError({
      object: this.#bucket.locate(STATE_OBJECT),
      problem: "does not say that this target goes with the state store of this copy",
      expected: JSON.stringify(this.#store.binding),
      found: stated === undefined ? "nothing" : describe(stated),
      advice: "Find out who else writes here, then run the same command again",
    });
  }

  async requireNamed({ kind }: TargetContents): Promise<void> {
    if (kind !== "occupied") return;
    const stated = await this.#stated();
    const named = this.#store?.options;
    const store = stated?.store;
    if (store !== undefined && store !== named) {
      throw this.#usageError("has its tree state in another place", `Pass ${store}`, store);
    }
    if (stated?.kind !== undefined && named !== undefined) {
      throw this.#usageError("is a mirror, which has no tree state", `Leave ${named} out`);
    }
  }

  noTreeState(): UsageError {
    return this.#usageError(
      "has no tree state in the state store that was named",
      "Name the log's own; without these options the log is checked against its checkpoint alone",
    );
  }

  #stated(): Promise<StateObject | undefined> {
    return readStateObject(this.#bucket, this.#readers);
  }

  #usageError(problem: string, advice: string, expected?: string): UsageError {
    const found = this.#store?.options ?? "no option that names it";
    return new UsageError({ object: this.#bucket.location, problem, expected, found, advice });
  }
}

/** @param location what the store names. */
function unbound({ name, binding }: LogState, location: string | undefined): string {
  if (location === undefined) {
    return `${name} belongs to another target: there is no ${STATE_OBJECT} here that names it`;
  }
  return (
    `${name} belongs to this target, but ${STATE_OBJECT}, which said so too, is gone: the bucket was emptied, or is ` +
    `another one. If the log's objects are here, store it again: ${JSON.stringify(binding)}`
  );
}

function describe({ store, text }: StateObject): string {
  if (store === undefined) return `${STATE_OBJECT}: ${text.slice(0, 300)}`;
  return (
    `${STATE_OBJECT}, which says that this target goes with ${store}; ` +
    "it may be deleted if no copy into this target has claimed that state store"
  );
}
