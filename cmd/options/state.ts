/** The options that tell where a log in Cloud Storage has its private state. */

import type { Command } from "commander";
import { type MigrationOptions, UsageError } from "../../lib/index.ts";
import { nonEmpty } from "./values.ts";

/** The options as commander gives them. */
export interface StateOptions {
  readonly spanner?: string;
  readonly spannerTablePrefix?: string;
  /** False by --no-tree-state. */
  readonly treeState?: boolean;
}

export function addStateOptions(command: Command): Command {
  return command
    .option(
      "--spanner <database>",
      "where the tree state of a log in gs://… is: projects/P/instances/I/databases/D",
      nonEmpty,
    )
    .option("--spanner-table-prefix <prefix>", "what the names of its tables begin with", nonEmpty);
}

/**
 * What of the options is the engine's.
 * @throws UsageError if they name a part of a database, and no database.
 */
export function targetState(options: StateOptions): NonNullable<MigrationOptions["targetState"]> {
  const { spanner, spannerTablePrefix, treeState } = options;
  if (spannerTablePrefix !== undefined && spanner === undefined) {
    throw new UsageError({
      object: "--spanner-table-prefix",
      problem: "belongs to a database, and none is named",
      advice: "Pass --spanner too, or leave it out",
    });
  }
  return {
    ...(treeState === false ? { treeState } : {}),
    ...(spanner === undefined ? {} : { spanner: { database: spanner, tablePrefix: spannerTablePrefix } }),
  };
}
