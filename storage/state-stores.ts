/** The kinds of state stores, one line each: any of them goes with any bucket. */

import type { StateStoreKind } from "./bucket/log-state.ts";
import { mysqlStores } from "./mysql/store.ts";
import { spannerStores } from "./spanner/store.ts";

export const STATE_STORES: readonly StateStoreKind[] = [spannerStores, mysqlStores];
