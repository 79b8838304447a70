/**
 * Which database goes with a bucket: the object by which a bucket says so. The database says in turn which bucket goes
 * with it (spanner-coordination.ts). Were only one of them to tell, a database would be believed for any bucket, or
 * a bucket for any database, and log software would sign a tree whose tiles are elsewhere.
 */

import { TargetRefusedError } from "../../lib/errors.ts";
import type { GcsLibrary } from "../gcs/library.ts";
import { formatGcsName, type GcsPlace } from "../gcs/url.ts";
import type { SpannerPlace } from "../spanner/log-state.ts";
import { CLAIM_OBJECT } from "./mirror-state.ts";

/** What a bucket says. */
export type Bound =
  | { readonly kind: "absent" }
  | { readonly kind: "ours" }
  | { readonly kind: "other"; readonly found: string };

/** What is used of a bucket. */
type Documents = Pick<GcsLibrary, "read" | "write">;

export class GcsBinding {
  readonly #object: string;
  readonly #documents: Documents;
  readonly #spanner: SpannerPlace;

  constructor(place: GcsPlace, documents: Documents, spanner: SpannerPlace) {
    this.#object = formatGcsName(place, CLAIM_OBJECT);
    this.#documents = documents;
    this.#spanner = spanner;
  }

  async look(): Promise<Bound> {
    const found = await this.#documents.read(CLAIM_OBJECT);
    if (found === undefined) return { kind: "absent" };
    const bound = parseBinding(found.text);
    if (bound === undefined) return { kind: "other", found: `${CLAIM_OBJECT}: ${found.text.slice(0, 300)}` };
    return sameTables(bound, this.#spanner) ? { kind: "ours" } : { kind: "other", found: otherTables(bound) };
  }

  /** Says whose the bucket is, if nothing says so yet. @throws TargetRefusedError if it is another's. */
  async bind(): Promise<void> {
    const bound = await this.look();
    if (bound.kind === "ours") return;
    const text = `${this.text()}\n`;
    if (bound.kind === "absent" && (await this.#documents.write(CLAIM_OBJECT, text, undefined))) return;
    // Another copy into this place and this database may have been faster, and has written the same.
    await this.require();
  }

  /** @throws TargetRefusedError unless the bucket names this database. */
  async require(): Promise<void> {
    const bound = await this.look();
    if (bound.kind === "ours") return;
    throw new TargetRefusedError({
      object: this.#object,
      problem: "does not say that this place goes with the database of this copy",
      expected: this.text(),
      found: bound.kind === "absent" ? "nothing" : bound.found,
      advice: "Find out who else writes here, then run the same command again",
    });
  }

  /** What the object says. */
  text(): string {
    const { database, tablePrefix = "" } = this.#spanner;
    const note = "The log in this bucket is, or is to be, written by log software that uses this database.";
    return JSON.stringify({ [DATABASE]: database, tablePrefix, note });
  }
}

const DATABASE = "tlog-migrate-database";

function parseBinding(text: string): SpannerPlace | undefined {
  try {
    const { [DATABASE]: database, tablePrefix } = Object(JSON.parse(text)) as Record<string, unknown>;
    if (typeof database !== "string" || typeof tablePrefix !== "string") return undefined;
    return { database, tablePrefix };
  } catch {
    return undefined;
  }
}

function sameTables(a: SpannerPlace, b: SpannerPlace): boolean {
  return a.database === b.database && (a.tablePrefix ?? "") === (b.tablePrefix ?? "");
}

function otherTables({ database, tablePrefix }: SpannerPlace): string {
  const tables = tablePrefix === "" ? "" : ` --spanner-table-prefix ${tablePrefix}`;
  return (
    `${CLAIM_OBJECT}, which says that this place goes with --spanner ${database}${tables}; ` +
    "it may be deleted if no copy into this place has claimed that database"
  );
}
