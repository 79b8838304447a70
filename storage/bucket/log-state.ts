/**
 * The private state of a log in a bucket: who may write the log, and where it goes on. What a directory keeps in
 * `.state/`, a log in a bucket keeps in a state store, for Tessera a database; a mirror keeps it in an object.
 */

import type { IntegratedTree, TreeState } from "../../lib/migrate/ports/target.ts";

/** What the private state says of a target. */
export type StateContents =
  | { readonly kind: "unclaimed" }
  | { readonly kind: "claimed"; readonly marker: string }
  | { readonly kind: "handed-over"; readonly record: string }
  | { readonly kind: "occupied"; readonly found: string };

export interface PrivateState {
  /** What messages call the private tree state. */
  readonly treeStateName: string;
  /** Looks, without changing anything. */
  inspect(): Promise<StateContents>;
  /** Of a log that log software may go on with: undefined before the handover, and where another log is. */
  integratedTree(): Promise<IntegratedTree | undefined>;
  /** Writes the marker where nothing is. @throws TargetRefusedError if something is. */
  claim(marker: string): Promise<void>;
  /** @throws TargetRefusedError if the marker that is there is not `from`, byte for byte. */
  replaceMarker(from: string, to: string): Promise<void>;
  /** @throws TargetRefusedError unless the target is claimed, by `marker` where that is known. */
  requireClaim(marker: string | undefined): Promise<void>;
  /** Atomically. @throws TargetRefusedError if the claim is not `marker` any more, or log software was there. */
  handOver(marker: string, state: TreeState, record: string): Promise<void>;
  close(): Promise<void>;
}

/** Private state in a state store, which is opened for one target and refuses to be another's. */
export interface LogState extends PrivateState {
  /** How messages call the store. */
  readonly name: string;
  /** How the operator names it: the options that do. */
  readonly options: string;
  /** How a bucket names it: a JSON document, which the store's StoreReader reads. */
  readonly binding: object;
  inspect(): Promise<StoreContents>;
  /** Makes what is missing in the store, such as tables. @throws TargetRefusedError if it has a different schema. */
  prepare(): Promise<void>;
}

/**
 * What a state store says; of a claim and a record also whose they are. The location is undefined where a version of
 * ours that did not name it has written them.
 */
export type StoreContents =
  | Extract<StateContents, { kind: "unclaimed" | "occupied" }>
  | (Extract<StateContents, { kind: "claimed" | "handed-over" }> & { readonly location: string | undefined });

/** The options that name the state store of a bucket's document; undefined if it names none of this kind. */
export type StoreReader = (document: Readonly<Record<string, unknown>>) => string | undefined;
