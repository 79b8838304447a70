/** Where a bucket says that the private state of its log is, for those who look there and for those who do not. */

import { UsageError } from "../../lib/errors.ts";
import type { MigrationTarget } from "../../lib/migrate/ports/target.ts";
import type { SpannerPlace } from "../spanner/log-state.ts";
import { CLAIM_OBJECT } from "./mirror-state.ts";

/** Longest document of ours that is read. */
const MAX_DOCUMENT_BYTES = 1 << 20;

/**
 * Holds what a place says of its private state against where that was looked for.
 * @param signal ends the wait for an answer.
 * @throws UsageError if the state is in another database, or if there is none.
 */
export async function requireStatedHome(
  target: MigrationTarget,
  spanner: SpannerPlace | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const document = await documentIn(target, signal);
  const named = databaseIn(document);
  if (named !== undefined && options(named) !== (spanner && options(spanner))) {
    throw new UsageError({
      object: target.location,
      problem: "has its tree state in another place",
      expected: options(named),
      found: spanner === undefined ? "no --spanner" : options(spanner),
      advice: `Pass ${options(named)}`,
    });
  }
  if (named === undefined && spanner !== undefined && isMigration(document)) {
    throw new UsageError({
      object: target.location,
      problem: "is a mirror, which has no tree state",
      found: options(spanner),
      advice: "Leave --spanner and --spanner-table-prefix out",
    });
  }
}

/**
 * What is told of a database that was named and has no tree state of the log.
 * @param location of the log.
 */
export function noTreeState(location: string, spanner: SpannerPlace): UsageError {
  return new UsageError({
    object: location,
    problem: "has no tree state in the database that was named",
    found: options(spanner),
    advice:
      "Name the log's own database and table prefix; without --spanner the log is held against its checkpoint alone",
  });
}

/** What the bucket says of itself, a JSON document; undefined if it says nothing, or nothing that is ours. */
async function documentIn(
  target: MigrationTarget,
  signal: AbortSignal | undefined,
): Promise<Record<string, unknown> | undefined> {
  const writer = target.openWriter(signal);
  try {
    const bytes = await writer.read(CLAIM_OBJECT, MAX_DOCUMENT_BYTES);
    return bytes && parsed(Buffer.from(bytes).toString("utf8"));
  } finally {
    await writer.close();
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === "object" && document !== null ? { ...document } : undefined;
  } catch {
    return undefined;
  }
}

function databaseIn(document: Record<string, unknown> = {}): SpannerPlace | undefined {
  const { "tlog-migrate-database": database, tablePrefix } = document;
  if (typeof database !== "string") return undefined;
  return { database, tablePrefix: typeof tablePrefix === "string" ? tablePrefix : "" };
}

function isMigration(document: Record<string, unknown> = {}): boolean {
  return "tlog-migrate-marker" in document || "tlog-migrate-record" in document;
}

/** The options that name a database. */
function options({ database, tablePrefix = "" }: SpannerPlace): string {
  return `--spanner ${database}${tablePrefix === "" ? "" : ` --spanner-table-prefix ${tablePrefix}`}`;
}
