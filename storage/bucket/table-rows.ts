/** The contents of the tables of a log. */

import type { IntegratedTree } from "../../lib/migrate/ports/target.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { formatHash, HASH_SIZE } from "../../lib/tlog/merkle.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import type { Claim, RowReader, State, Value } from "./tables.ts";

export async function readClaim(reader: RowReader): Promise<Claim> {
  const guard = await reader.row("Tessera", "compatibilityVersion");
  const ours = await reader.row("TlogMigrate", "marker", "record", "place");
  return {
    version: guard && Number(integer(guard.compatibilityVersion)),
    marker: text(ours?.marker),
    record: text(ours?.record),
    place: text(ours?.place),
  };
}

export async function readState(reader: RowReader): Promise<State> {
  const claim = await readClaim(reader);
  const sequence = await reader.row("SeqCoord", "next");
  const tree = await reader.row("IntCoord", "seq", "rootHash");
  const publication = await reader.row("PubCoord", "publishedAt");
  const collection = await reader.row("GCCoord", "fromSize");
  const rootHash = tree?.rootHash;
  return {
    ...claim,
    next: integer(sequence?.next),
    integrated: {
      size: integer(tree?.seq),
      rootHash: rootHash instanceof Uint8Array ? rootHash : new Uint8Array(),
    },
    collectFrom: integer(collection?.fromSize),
    published: integer(publication?.publishedAt) !== 0n,
    hasEntries: await reader.hasEntries(),
  };
}

/** A trace of log software, other than the rows that log software leaves when it is refused. */
export function traceOfALog({ next, integrated, published, hasEntries }: State): string | undefined {
  if (next !== 0n) return `a log's next index, ${next}`;
  if (integrated.size !== 0n) {
    return `a log's tree state, size ${formatCount(integrated.size)}, root ${formatHash(integrated.rootHash)}`;
  }
  if (published) return "the time of a log's last checkpoint";
  return hasEntries ? "entries that a log has accepted and not integrated" : undefined;
}

/** The tree from which log software continues. @throws FormatError if its size is beyond our limit. */
export function integratedTree({ integrated: { size, rootHash } }: State): IntegratedTree {
  if (size < 0n || size > Number.MAX_SAFE_INTEGER) {
    throw new FormatError("has a size that is not a count of entries", "0 to 2^53−1", `${size}`);
  }
  if (rootHash.length === HASH_SIZE) return { size: Number(size), rootHash };
  throw new FormatError("has a root that is not a hash", `${HASH_SIZE} bytes`, `${rootHash.length}`);
}

function integer(value: Value | undefined): bigint {
  return typeof value === "bigint" ? value : 0n;
}

function text(value: Value | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
