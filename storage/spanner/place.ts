/** Where Tessera keeps the private state of a log, and how that is named. */

export interface SpannerPlace {
  /** `projects/P/instances/I/databases/D` */
  readonly database: string;
  /** What the names of its tables begin with; default nothing. */
  readonly tablePrefix?: string | undefined;
}

/** The key by which a bucket's document names a database. */
export const BINDING_KEY = "tlog-migrate-database";

/** The options that name a database, each a word. */
export function optionsOf({ database, tablePrefix = "" }: SpannerPlace): string[] {
  return ["--spanner", database, ...(tablePrefix === "" ? [] : ["--spanner-table-prefix", tablePrefix])];
}
