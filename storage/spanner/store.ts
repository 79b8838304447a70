/** How the operator, and a bucket, name a Spanner database as the state store of a log. */

import { UsageError } from "../../lib/errors.ts";
import type { StateStoreKind } from "../bucket/log-state.ts";

/** The key by which a bucket's document names a database. */
const BINDING_KEY = "tlog-migrate-database";

export const spannerStores: StateStoreKind = {
  options: [
    {
      flags: "--spanner <database>",
      description:
        "Spanner database with the tree state of a log in a bucket: projects/P/instances/I/databases/D",
    },
    { flags: "--spanner-table-prefix <prefix>", description: "prefix of the names of its tables" },
  ],
  named({ spanner, spannerTablePrefix }) {
    if (spanner === undefined && spannerTablePrefix === undefined) return undefined;
    if (spanner === undefined) {
      throw new UsageError({
        object: "--spanner-table-prefix",
        problem: "needs a database, but none was passed",
        advice: "Pass --spanner too, or omit it",
      });
    }
    const [database, tablePrefix] = [`${spanner}`, `${spannerTablePrefix ?? ""}`];
    const options = optionsOf(database, tablePrefix);
    return {
      words: ` and the Spanner database ${database}${tablePrefix && ` with the table prefix ${tablePrefix}`}`,
      options,
      packages: ["@google-cloud/spanner", "google-auth-library"],
      async open(location, signal) {
        const [{ SpannerTables }, { TableLogState }] = await Promise.all([
          import("./tables.ts"),
          import("../bucket/table-state.ts"),
        ]);
        const note =
          "The log in this bucket is, or is to be, written by log software that uses this database.";
        const binding = { [BINDING_KEY]: database, tablePrefix, note };
        const tables = new SpannerTables(database, tablePrefix, signal);
        return new TableLogState(tables, { options: options.join(" "), binding }, location);
      },
    };
  },
  optionsIn({ [BINDING_KEY]: database, tablePrefix }) {
    if (typeof database !== "string") return undefined;
    return optionsOf(database, typeof tablePrefix === "string" ? tablePrefix : "").join(" ");
  },
};

function optionsOf(database: string, tablePrefix: string): string[] {
  return ["--spanner", database, ...(tablePrefix === "" ? [] : ["--spanner-table-prefix", tablePrefix])];
}
