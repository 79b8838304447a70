/**
 * The coordination of a log in a bucket that log software is to go on with: a bucket and a database that name each
 * other. Neither is believed without the other.
 */

import type { IntegratedTree, TreeState } from "../../lib/migrate/ports/target.ts";
import type { SpannerCoordination } from "../spanner/log-state.ts";
import type { GcsBinding } from "./binding.ts";
import type { Coordinated, GcsCoordination } from "./log-state.ts";
import { CLAIM_OBJECT } from "./mirror-state.ts";

export class LogCoordination implements GcsCoordination {
  readonly treeStateName: string;
  readonly #binding: GcsBinding;
  readonly #tables: SpannerCoordination;

  constructor(binding: GcsBinding, tables: SpannerCoordination) {
    this.treeStateName = tables.treeStateName;
    this.#binding = binding;
    this.#tables = tables;
  }

  async inspect(): Promise<Coordinated> {
    const bound = await this.#binding.look();
    if (bound.kind === "other") return { kind: "occupied", found: bound.found };
    const state = await this.#tables.inspect();
    if (state.kind === "unclaimed" || state.kind === "occupied") return state;
    const { place, ...claim } = state;
    return bound.kind === "ours" ? claim : { kind: "occupied", found: this.#withoutBinding(place) };
  }

  integratedTree(): Promise<IntegratedTree | undefined> {
    return this.#tables.integratedTree();
  }

  /**
   * The tables come first: a bucket is bound to no database whose tables cannot be made. The claim comes last: where
   * there is one, there was a binding.
   */
  async claim(marker: string): Promise<void> {
    await this.#tables.makeTables();
    await this.#binding.bind();
    await this.#tables.claim(marker);
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.#binding.require();
    await this.#tables.replaceMarker(from, to);
  }

  requireClaim(marker: string | undefined): Promise<void> {
    return this.#tables.requireClaim(marker);
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await this.#binding.require();
    await this.#tables.handOver(marker, state, record);
  }

  close(): Promise<void> {
    return this.#tables.close();
  }

  /** @param place what the database names, undefined if it was claimed by a version of ours that did not say. */
  #withoutBinding(place: string | undefined): string {
    const { name } = this.#tables;
    if (place === undefined) {
      return `the database ${name} belongs to another place: there is no ${CLAIM_OBJECT} here that names it`;
    }
    return (
      `the database ${name} belongs to this place, but ${CLAIM_OBJECT}, which said so too, is gone: ` +
      `the bucket was emptied, or is another one. If the log's objects are here, store it again: ${this.#binding.text()}`
    );
  }
}
