/**
 * The private state of a log that log software is to go on with: a bucket and a state store that name each other.
 * If only one of them did, a store would be believed for any bucket, or a bucket for any store, and log software
 * would sign a tree whose tiles are elsewhere.
 */

import { TargetRefusedError } from "../../lib/errors.ts";
import type { IntegratedTree, TreeState } from "../../lib/migrate/ports/target.ts";
import type { Bucket } from "./bucket.ts";
import type { LogState, PrivateState, StateContents, StoreReader } from "./log-state.ts";
import { readStateObject, STATE_OBJECT, type StateObject, writeDocument } from "./state-object.ts";

export class BoundState implements PrivateState {
  readonly treeStateName: string;
  readonly #bucket: Bucket;
  readonly #store: LogState;
  readonly #readers: readonly StoreReader[];

  constructor(bucket: Bucket, store: LogState, readers: readonly StoreReader[]) {
    this.treeStateName = store.treeStateName;
    this.#bucket = bucket;
    this.#store = store;
    this.#readers = readers;
  }

  async inspect(): Promise<StateContents> {
    const stated = await readStateObject(this.#bucket, this.#readers);
    if (!this.#mayBeOurs(stated)) return { kind: "occupied", found: describe(stated) };
    const state = await this.#store.inspect();
    if (state.kind === "unclaimed" || state.kind === "occupied") return state;
    const { location, ...contents } = state;
    return stated === undefined ? { kind: "occupied", found: this.#unbound(location) } : contents;
  }

  integratedTree(): Promise<IntegratedTree | undefined> {
    return this.#store.integratedTree();
  }

  /**
   * The store is prepared first: a bucket is bound to none that cannot be. The claim comes last: where there is one,
   * there was a binding.
   */
  async claim(marker: string): Promise<void> {
    await this.#store.prepare();
    const stated = await readStateObject(this.#bucket, this.#readers);
    // Another copy into this target and this store may be faster, and writes the same.
    if (stated === undefined) await writeDocument(this.#bucket, STATE_OBJECT, `${this.#binding}\n`);
    await this.#requireBinding();
    await this.#store.claim(marker);
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.#requireBinding();
    await this.#store.replaceMarker(from, to);
  }

  requireClaim(marker: string | undefined): Promise<void> {
    return this.#store.requireClaim(marker);
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await this.#requireBinding();
    await this.#store.handOver(marker, state, record);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  get #binding(): string {
    return JSON.stringify(this.#store.binding);
  }

  #mayBeOurs(stated: StateObject | undefined): stated is undefined | (StateObject & { store: string }) {
    return stated === undefined || stated.store === this.#store.options;
  }

  async #requireBinding(): Promise<void> {
    const stated = await readStateObject(this.#bucket, this.#readers);
    if (stated !== undefined && this.#mayBeOurs(stated)) return;
    throw new TargetRefusedError({
      object: this.#bucket.locate(STATE_OBJECT),
      problem: "does not say that this target goes with the state store of this copy",
      expected: this.#binding,
      found: stated === undefined ? "nothing" : describe(stated),
      advice: "Find out who else writes here, then run the same command again",
    });
  }

  /** @param location what the store names. */
  #unbound(location: string | undefined): string {
    const { name } = this.#store;
    if (location === undefined) {
      return `${name} belongs to another target: there is no ${STATE_OBJECT} here that names it`;
    }
    return (
      `${name} belongs to this target, but ${STATE_OBJECT}, which said so too, is gone: ` +
      `the bucket was emptied, or is another one. If the log's objects are here, store it again: ${this.#binding}`
    );
  }
}

function describe({ store, text }: StateObject): string {
  if (store === undefined) return `${STATE_OBJECT}: ${text.slice(0, 300)}`;
  return (
    `${STATE_OBJECT}, which says that this target goes with ${store}; ` +
    "it may be deleted if no copy into this target has claimed that state store"
  );
}
