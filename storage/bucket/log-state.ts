/** The private state of a log in a bucket, which is in a state store, for Tessera a database; a mirror's is an object. */

import type { BackendOption, OptionValues } from "../../lib/migrate/ports/backend.ts";
import type { MigrationTarget, TargetContents } from "../../lib/migrate/ports/target.ts";

/** What the private state says of a target; a state store also whose it is, unless an early version of ours wrote it. */
export type StateContents =
  | { readonly kind: "unclaimed" }
  | Extract<TargetContents, { kind: "occupied" }>
  | (Extract<TargetContents, { kind: "claimed" | "handed-over" }> & {
      readonly location?: string | undefined;
    });

type Promised =
  | "treeStateName"
  | "markerName"
  | "recordName"
  | "integratedTree"
  | "stateFaults"
  | "claim"
  | "replaceMarker"
  | "handOver"
  | "takeBack"
  | "unclaim"
  | "close";

/** Its methods guarantee the same as the target's methods of the same names. */
export interface PrivateState extends Pick<MigrationTarget, Promised> {
  /** Reports what the target contains, without changing anything. */
  inspect(): Promise<StateContents>;
  /** @throws TargetRefusedError unless the target is claimed, by `marker` where that is known. */
  requireClaim(marker: string | undefined): Promise<void>;
}

/**
 * Private state in a state store, which is opened for one target and refuses to be another's. It hands over atomically,
 * and has no integrated tree before, nor where another log is.
 */
export interface LogState extends PrivateState {
  /** How messages call the store. */
  readonly name: string;
  /** The options by which the operator names it. */
  readonly options: string;
  /** How a bucket names it: a JSON document, which the store's StoreReader reads. */
  readonly binding: object;
  /** What log software with this store does badly for a log below a prefix of a bucket; undefined if nothing. */
  readonly prefixWarning?: string | undefined;
  /** Makes what is missing in the store, such as tables. @throws TargetRefusedError if it has a different schema. */
  prepare(): Promise<void>;
}

/** The options that name the state store of a bucket's document; undefined if it names none of this kind. */
export type StoreReader = (document: Readonly<Record<string, unknown>>) => string | undefined;

export interface StateStoreKind {
  /** The first names the store. */
  readonly options: readonly BackendOption[];
  /** The store that they name, undefined if they name none. @throws UsageError if they name a part of one. */
  named(values: OptionValues): NamedStore | undefined;
  readonly optionsIn: StoreReader;
}

export interface NamedStore {
  /** What the operator starts log software with besides the bucket. */
  readonly words: string;
  /** The options that name the store, each a word of a command line. */
  readonly options: readonly string[];
  /** The optional packages that it needs. */
  readonly packages: readonly string[];
  /** @param location of the target that the store is opened for. */
  open(location: string, signal?: AbortSignal): Promise<LogState>;
}
