/** How the operator, and a bucket, name a Spanner database as the state store of a log. */

import { UsageError } from "../../lib/errors.ts";
import type { StateStoreKind } from "../bucket/log-state.ts";
import { BINDING_KEY, optionsOf } from "./place.ts";

export const spannerStores: StateStoreKind = {
  options: [
    {
      flags: "--spanner <database>",
      description:
        "Spanner database with the tree state of a log in a bucket: projects/P/instances/I/databases/D",
    },
    { flags: "--spanner-table-prefix <prefix>", description: "what the names of its tables begin with" },
  ],
  named({ spanner, spannerTablePrefix: tablePrefix }) {
    if (spanner === undefined && tablePrefix === undefined) return undefined;
    if (spanner === undefined) {
      throw new UsageError({
        object: "--spanner-table-prefix",
        problem: "belongs to a database, and none is named",
        advice: "Pass --spanner too, or leave it out",
      });
    }
    const place = {
      database: `${spanner}`,
      ...(tablePrefix !== undefined && { tablePrefix: `${tablePrefix}` }),
    };
    const prefix = tablePrefix === undefined ? "" : ` with the table prefix ${tablePrefix}`;
    return {
      words: ` and the Spanner database ${spanner}${prefix}`,
      options: optionsOf(place),
      async open(location, signal) {
        const { SpannerLogState } = await import("./log-state.ts");
        return new SpannerLogState(place, location, signal);
      },
    };
  },
  optionsIn({ [BINDING_KEY]: database, tablePrefix }) {
    if (typeof database !== "string") return undefined;
    return optionsOf({ database, tablePrefix: typeof tablePrefix === "string" ? tablePrefix : "" }).join(" ");
  },
};
