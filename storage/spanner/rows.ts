/** What is in the tables of a log in Spanner. */

import type { Snapshot } from "@google-cloud/spanner";
import type { IntegratedTree } from "../../lib/migrate/ports/target.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { formatHash, HASH_SIZE } from "../../lib/tlog/merkle.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { columnsOf, type Schema, type TableName } from "./schema.ts";

/** An INT64 of the client library. */
type Int = Readonly<{ value: string }>;

/** Whose the tables are. */
export interface Claim {
  readonly version: number | undefined;
  readonly marker: string | undefined;
  readonly record: string | undefined;
  /** Where the log is, undefined if the tables were claimed by a version of ours that did not say. */
  readonly place: string | undefined;
}

/** Numbers as Spanner has them: none is trusted to be a count. */
export interface State extends Claim {
  readonly next: bigint;
  readonly integrated: { readonly size: bigint; readonly rootHash: Uint8Array };
  readonly collectFrom: bigint;
  /** Whether a checkpoint ever was. */
  readonly published: boolean;
  readonly hasEntries: boolean;
}

/** The tables as one transaction sees them. */
export interface TablesView {
  readonly reader: Snapshot;
  readonly schema: Schema;
  readonly prefix: string;
}

type Documents = Record<"marker" | "record" | "place", string | null>;

export async function readClaim(view: TablesView): Promise<Claim> {
  const guard = await row<{ compatibilityVersion: Int }>(view, "Tessera", "compatibilityVersion");
  const ours = await row<Documents>(view, "TlogMigrate", "marker", "record", "place");
  return {
    version: guard && Number(integer(guard.compatibilityVersion)),
    marker: ours?.marker ?? undefined,
    record: ours?.record ?? undefined,
    place: ours?.place ?? undefined,
  };
}

export async function readState(view: TablesView): Promise<State> {
  const claim = await readClaim(view);
  const sequence = await row<{ next: Int }>(view, "SeqCoord", "next");
  const tree = await row<{ seq: Int; rootHash: Uint8Array | null }>(view, "IntCoord", "seq", "rootHash");
  const publication = await row<{ publishedAt: Date }>(view, "PubCoord", "publishedAt");
  const collection = await row<{ fromSize: Int }>(view, "GCCoord", "fromSize");
  return {
    ...claim,
    next: integer(sequence?.next),
    integrated: { size: integer(tree?.seq), rootHash: tree?.rootHash ?? new Uint8Array() },
    collectFrom: integer(collection?.fromSize),
    published: publication !== undefined && Number(publication.publishedAt) !== 0,
    hasEntries: await hasEntries(view),
  };
}

/** What says that log software was at work here, beyond the rows that one which was refused leaves. */
export function traceOfALog({ next, integrated, published, hasEntries }: State): string | undefined {
  if (next !== 0n) return `a log's next index, ${next}`;
  if (integrated.size !== 0n) {
    return `a log's tree state, size ${formatCount(integrated.size)}, root ${formatHash(integrated.rootHash)}`;
  }
  if (published) return "the time of a log's last checkpoint";
  return hasEntries ? "entries that a log has accepted and not integrated" : undefined;
}

/** The tree that log software believes. @throws FormatError if it is none that we can count. */
export function integratedTree({ integrated: { size, rootHash } }: State): IntegratedTree {
  if (size < 0n || size > Number.MAX_SAFE_INTEGER) {
    throw new FormatError("has a size that is not a count of entries", "0 to 2^53−1", `${size}`);
  }
  if (rootHash.length === HASH_SIZE) return { size: Number(size), rootHash };
  throw new FormatError("has a root that is not a hash", `${HASH_SIZE} bytes`, `${rootHash.length}`);
}

function integer(value: Int | null | undefined): bigint {
  return BigInt(value?.value ?? 0);
}

/** The one row of a table, of the columns that the table has. */
async function row<Row>(
  { reader, schema, prefix }: TablesView,
  table: TableName,
  ...wanted: readonly (keyof Row & string)[]
): Promise<Partial<Row> | undefined> {
  const present = columnsOf(schema, prefix, table);
  if (present === undefined) return undefined;
  const columns = wanted.filter((column) => present.has(column.toLowerCase()));
  // Wrapped: the library throws at an integer that JavaScript cannot count to.
  const asObjects = { json: true, jsonOptions: { wrapNumbers: true } };
  const [rows] = await reader.read(prefix + table, { keys: ["0"], columns, ...asObjects, limit: 1 });
  return rows[0] as Partial<Row> | undefined;
}

async function hasEntries({ reader, schema, prefix }: TablesView): Promise<boolean> {
  if (columnsOf(schema, prefix, "Seq") === undefined) return false;
  const range = { startClosed: ["0"], endClosed: ["0"] };
  const [rows] = await reader.read(`${prefix}Seq`, { ranges: [range], columns: ["seq"], limit: 1 });
  return rows.length > 0;
}
