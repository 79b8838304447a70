/** Kinds of state stores, of which one keeps the private state of a log in a bucket. */

import type { BackendOption, OptionValues } from "../../lib/migrate/ports/backend.ts";
import type { LogState, StoreReader } from "./log-state.ts";

export interface StateStoreKind {
  /** The options that name a store of this kind. */
  readonly options: readonly BackendOption[];
  /** The store that they name, undefined if they name none. @throws UsageError if they name a part of one. */
  named(values: OptionValues): NamedStore | undefined;
  /** The options for what a bucket says of a store of this kind. */
  readonly optionsIn: StoreReader;
}

export interface NamedStore {
  /** What the operator is told to start log software with besides the bucket. */
  readonly words: string;
  /** The options that name the store, each a word of a command line. */
  readonly options: readonly string[];
  /** @param location of the target that the store is opened for. */
  open(location: string, signal?: AbortSignal): Promise<LogState>;
}
