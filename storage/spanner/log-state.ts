/**
 * The private state of a Tessera log in Spanner, which decides whether an Appender starts and where it goes on.
 * The claim is the row of the table Tessera with a version that every lifecycle refuses. A table of ours beside it names
 * the place where the log's objects are: a database is believed for that place alone.
 */

import type { Transaction } from "@google-cloud/spanner";
import { TargetRefusedError } from "../../lib/errors.ts";
import type { IntegratedTree, TreeState } from "../../lib/migrate/ports/target.ts";
import { equalBytes } from "../../lib/tlog/merkle.ts";
import { once } from "../shared/memoize.ts";
import { SpannerDatabase } from "./database.ts";
import {
  type Claim,
  type Documents,
  type Named,
  readClaim,
  readState,
  type State,
  type TablesView,
  traceOfALog,
} from "./rows.ts";
import {
  COMPATIBLE_VERSION,
  GUARD_VERSION,
  missingTables,
  presentTables,
  requireTablePrefix,
  type TableName,
} from "./schema.ts";

/** Where Tessera keeps the private state. */
export interface SpannerPlace {
  /** `projects/P/instances/I/databases/D` */
  readonly database: string;
  /** What the names of its tables begin with; default nothing. */
  readonly tablePrefix?: string | undefined;
}

/** What the tables say of a place. */
export type TablesState =
  | { readonly kind: "unclaimed" }
  | ({ readonly kind: "claimed"; readonly marker: string } & Named)
  | ({ readonly kind: "handed-over"; readonly record: string } & Named)
  | { readonly kind: "occupied"; readonly found: string };

const ROW = { id: 0 } as const;

export class SpannerCoordination {
  readonly treeStateName: string;
  readonly #database: SpannerDatabase;
  readonly #prefix: string;
  readonly #place: string;
  /** Asked for once, and anew when it was changed: nobody else changes it while a copy is at work. */
  #schema = this.#lookUpSchema();

  /**
   * @param place names where the log's objects are.
   * @param signal ends the wait for an answer.
   */
  constructor({ database, tablePrefix = "" }: SpannerPlace, place: string, signal?: AbortSignal) {
    this.#database = new SpannerDatabase(database, signal);
    this.#prefix = requireTablePrefix(tablePrefix);
    this.#place = place;
    this.treeStateName = `the table ${this.#prefix}IntCoord of ${database}`;
  }

  /** Of the database. */
  get name(): string {
    return this.#database.name;
  }

  /** @throws TargetRefusedError if a table is of another make. */
  async inspect(): Promise<TablesState> {
    const state = await this.#look(readState);
    const { version, marker, record, place } = state;
    const elsewhere = this.#elsewhere(state);
    if (elsewhere !== undefined) return occupied(elsewhere);
    if (version === GUARD_VERSION && marker !== undefined) {
      const trace = traceOfALog(state);
      return trace === undefined ? { kind: "claimed", marker, place } : occupied(trace);
    }
    if (version === COMPATIBLE_VERSION && record !== undefined) {
      return { kind: "handed-over", record, place };
    }
    if (version === GUARD_VERSION) return occupied(`a claim without a marker in ${this.name}`);
    if (version !== undefined) {
      const { size } = state.integrated;
      return occupied(`log software has opened it (version ${version}, size ${size}) in ${this.name}`);
    }
    const trace = traceOfALog(state);
    return trace === undefined ? { kind: "unclaimed" } : occupied(trace);
  }

  async integratedTree(): Promise<IntegratedTree | undefined> {
    const state = await this.#look(readState);
    if (state.version !== COMPATIBLE_VERSION || this.#elsewhere(state) !== undefined) return undefined;
    return state.integrated;
  }

  /** Makes what is missing. @throws TargetRefusedError if a table is of another make. */
  async makeTables(): Promise<void> {
    const statements = missingTables(await this.#database.schema(), this.#prefix, this.name);
    if (statements.length > 0) await this.#database.changeSchema(statements);
    this.#schema = this.#lookUpSchema();
  }

  /** The tables must be there. @throws TargetRefusedError if something is in them. */
  async claim(marker: string): Promise<void> {
    await this.#write((transaction, found, isRerun) => {
      if (isRerun && this.#isClaimedBy(found, marker)) return;
      if (found.version !== undefined) throw this.#refusal("was claimed by something else meanwhile");
      this.#requireNoTrace(found);
      // Inserted, never updated: a version that is there is a log's.
      transaction.insert(this.#table("Tessera"), { ...ROW, compatibilityVersion: GUARD_VERSION });
      this.#upsertDocuments(transaction, { marker, record: null });
    });
  }

  /** @throws TargetRefusedError if the marker that is there is not `from`, byte for byte. */
  async replaceMarker(from: string, to: string): Promise<void> {
    await this.#write((transaction, found, isRerun) => {
      if (isRerun && this.#isClaimedBy(found, to)) return;
      this.#requireClaim(found, from);
      this.#requireNoTrace(found);
      this.#upsertDocuments(transaction, { marker: to, record: null });
    });
  }

  /** @throws TargetRefusedError unless the place is claimed, by `marker` where that is known. */
  async requireClaim(marker: string | undefined): Promise<void> {
    this.#requireClaim(await this.#look(readClaim), marker);
  }

  /** At one stroke. @throws TargetRefusedError if the claim is not `marker` any more, or log software was there. */
  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await this.#write((transaction, found) => {
      if (this.#isHandedOver(found, state, record)) return;
      this.#requireClaim(found, marker);
      this.#requireNoTrace(found);
      const { size, rootHash, collectFrom } = state;
      transaction.upsert(this.#table("SeqCoord"), { ...ROW, next: size });
      transaction.upsert(this.#table("IntCoord"), { ...ROW, seq: size, rootHash: Buffer.from(rootHash) });
      // Long ago, so that the Appender publishes a checkpoint at its first tick.
      transaction.upsert(this.#table("PubCoord"), {
        ...ROW,
        publishedAt: new Date(0).toISOString(),
        size: 0,
      });
      transaction.upsert(this.#table("GCCoord"), { ...ROW, fromSize: collectFrom });
      this.#upsertDocuments(transaction, { marker: null, record });
      transaction.update(this.#table("Tessera"), { ...ROW, compatibilityVersion: COMPATIBLE_VERSION });
    });
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** Where the log is whose state this is, if it is not here. */
  #elsewhere({ version, place }: Claim): string | undefined {
    if (version === undefined || place === undefined || place === this.#place) return undefined;
    return `the database ${this.name} belongs to ${place}`;
  }

  #isClaimedBy(found: Claim, marker: string): boolean {
    return found.version === GUARD_VERSION && found.marker === marker && found.place === this.#place;
  }

  /** Also where an earlier run did it and was not told. */
  #isHandedOver(found: State, { size, rootHash }: TreeState, record: string): boolean {
    const { version, integrated } = found;
    if (version !== COMPATIBLE_VERSION || found.record !== record || found.place !== this.#place)
      return false;
    return integrated.size === size && equalBytes(integrated.rootHash, rootHash);
  }

  #requireClaim(found: Claim, marker: string | undefined): void {
    const elsewhere = this.#elsewhere(found);
    if (elsewhere !== undefined) throw this.#refusal(`is not this place's: ${elsewhere}`);
    const isClaimed = found.version === GUARD_VERSION && found.marker !== undefined;
    if (!isClaimed || (marker !== undefined && found.marker !== marker)) {
      throw this.#refusal(`is not this copy's claim any more (version ${found.version ?? "missing"})`);
    }
  }

  #requireNoTrace(found: State): void {
    const trace = traceOfALog(found);
    if (trace !== undefined) throw this.#refusal(`holds ${trace}`);
  }

  #upsertDocuments(transaction: Transaction, documents: Omit<Documents, "place">): void {
    transaction.upsert(this.#table("TlogMigrate"), { ...ROW, ...documents, place: this.#place });
  }

  #lookUpSchema(): () => Promise<string[]> {
    return once(() => this.#database.schema());
  }

  /** @throws TargetRefusedError if one is of another make. */
  async #missingTables(): Promise<string[]> {
    return missingTables(await this.#schema(), this.#prefix, this.name);
  }

  async #look<T>(read: (view: TablesView) => Promise<T>): Promise<T> {
    await this.#missingTables();
    const view = await this.#view();
    return await this.#database.use(async (database) => {
      const [snapshot] = await database.getSnapshot();
      try {
        return await read({ ...view, reader: snapshot });
      } finally {
        snapshot.end();
      }
    });
  }

  /**
   * Reads the state and writes what follows from it, at one stroke. A transaction whose outcome got lost is run again,
   * and is told so: it may find that it has been done.
   */
  async #write(work: (transaction: Transaction, state: State, isRerun: boolean) => void): Promise<void> {
    // A claim of an earlier version of ours is in a table that lacks a column.
    if ((await this.#missingTables()).length > 0) await this.makeTables();
    const view = await this.#view();
    let runs = 0;
    await this.#database.use((database) =>
      database.runTransactionAsync(async (transaction) => {
        try {
          work(transaction, await readState({ ...view, reader: transaction }), runs++ > 0);
        } catch (error) {
          // The library leaves its locks standing otherwise, and the next transaction waits for them.
          await transaction.rollback().catch(() => {});
          throw error;
        }
        await transaction.commit();
      }),
    );
  }

  async #view(): Promise<Omit<TablesView, "reader">> {
    return { tables: presentTables(await this.#schema(), this.#prefix), prefix: this.#prefix };
  }

  #table(name: TableName): string {
    return this.#prefix + name;
  }

  #refusal(problem: string): TargetRefusedError {
    const advice = "Find out who else writes there, then run the same command again";
    return new TargetRefusedError({ object: this.#database.name, problem, advice });
  }
}

function occupied(found: string): TablesState {
  return { kind: "occupied", found };
}
