/**
 * The tables in which Tessera's drivers for object stores keep the private state of a log, the same in Spanner and in
 * MySQL (storage/gcp and storage/aws of github.com/transparency-dev/tessera, v1.0.4), and one of ours next to them.
 */

/** The one version that Tessera's lifecycles accept. */
export const COMPATIBLE_VERSION = 1;

/** While a copy is unfinished: every lifecycle of Tessera refuses it. */
export const GUARD_VERSION = 0;

/** `TlogMigrate` has the marker of an unfinished migration or the record of a finished one, and where the objects are. */
export type TableName = "Tessera" | "SeqCoord" | "Seq" | "IntCoord" | "PubCoord" | "GCCoord" | "TlogMigrate";

export type Row = Readonly<Record<string, unknown>>;

/** A time is milliseconds since the epoch, or whatever Tessera counts: only 0 is distinguished. */
export type Value = bigint | string | Uint8Array | null;

/** The tables as one transaction sees them. */
export interface RowReader {
  /** The row of a table with the id 0, undefined if there is none, or no table; of the columns that the table has. */
  row(table: TableName, ...columns: string[]): Promise<Readonly<Record<string, Value>> | undefined>;
  /** Whether there is a row in Seq. */
  hasEntries(): Promise<boolean>;
}

/** Whose the tables are. */
export interface Claim {
  readonly version: number | undefined;
  readonly marker: string | undefined;
  readonly record: string | undefined;
  /** Where the log is, undefined if the tables were claimed by a version of ours that did not say. */
  readonly place: string | undefined;
}

/** Numbers as the database has them: none is trusted to be a count. */
export interface State extends Claim {
  readonly next: bigint;
  readonly integrated: { readonly size: bigint; readonly rootHash: Uint8Array };
  readonly collectFrom: bigint;
  /** Whether a checkpoint ever was. */
  readonly published: boolean;
  readonly hasEntries: boolean;
}

/** Changes of the rows with the id 0, made in this order when the transaction is committed. */
export interface RowChanges {
  /** Never replaces a row: the transaction fails, and is run again, where somebody else inserted one meanwhile. */
  insert(table: TableName, row: Row): void;
  upsert(table: TableName, row: Row): void;
  /** Changes a row that is there. */
  update(table: TableName, row: Row): void;
  remove(table: TableName): void;
}

/** The tables of one log in a database. What fails is reported in words of ours. */
export interface StateTables {
  /** How messages call the database. */
  readonly database: string;
  /** What the names of the tables begin with. */
  readonly prefix: string;
  /** The row of PubCoord with which the Appender publishes a checkpoint at its first tick. */
  readonly unpublished: Row;
  /** Makes what is missing. @throws TargetRefusedError if a table has a different schema. */
  prepare(): Promise<void>;
  /** Reads from one snapshot. */
  look<T>(read: (reader: RowReader) => Promise<T>): Promise<T>;
  /**
   * Makes changes that follow from the state, atomically; none if `work` throws.
   * @param work is run again where it was in another's way; with `isRerun` if its changes may be made, but no answer came.
   */
  write(work: (changes: RowChanges, state: State, isRerun: boolean) => void): Promise<void>;
  close(): Promise<void>;
}
