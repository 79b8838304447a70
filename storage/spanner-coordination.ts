/**
 * The private state of a Tessera log in Spanner, which decides whether an Appender starts and where it goes on.
 * The claim is the row of the table Tessera with a version that every lifecycle refuses.
 */

import type { Snapshot, Transaction } from "@google-cloud/spanner";
import { TargetRefused } from "../lib/tlog/errors.ts";
import { equalBytes, formatHash } from "../lib/tlog/merkle.ts";
import type { Coordinated, GcsCoordination } from "./gcs-coordination.ts";
import { isAlreadyThere, SpannerDatabase } from "./spanner-database.ts";
import {
  COMPATIBLE_VERSION,
  GUARD_VERSION,
  missingTables,
  presentTables,
  requireTablePrefix,
  type TableName,
} from "./spanner-tables.ts";
import type { IntegratedTree, TreeState } from "./target.ts";

/** Where Tessera keeps the private state. */
export interface SpannerPlace {
  /** `projects/P/instances/I/databases/D` */
  readonly database: string;
  /** What the names of its tables begin with; default nothing. */
  readonly tablePrefix?: string | undefined;
}

/** What stands in the tables. */
interface State {
  readonly version: number | undefined;
  readonly next: number;
  readonly integrated: IntegratedTree;
  /** Whether a checkpoint was ever published. */
  readonly published: boolean;
  readonly hasEntries: boolean;
  readonly marker: string | undefined;
  readonly record: string | undefined;
}

/** Of our own table. */
interface Documents {
  readonly marker: string | null;
  readonly record: string | null;
}

const ROW = { id: 0 } as const;

export class SpannerCoordination implements GcsCoordination {
  readonly treeStateName: string;
  readonly #database: SpannerDatabase;
  readonly #prefix: string;

  /** @param signal ends the wait for an answer. */
  constructor({ database, tablePrefix = "" }: SpannerPlace, signal?: AbortSignal) {
    this.#database = new SpannerDatabase(database, signal);
    this.#prefix = requireTablePrefix(tablePrefix);
    this.treeStateName = `the table ${this.#prefix}IntCoord of ${database}`;
  }

  async inspect(): Promise<Coordinated> {
    const schema = await this.#database.schema();
    // Also refuses tables of another make, before anything is written.
    missingTables(schema, this.#prefix, this.#database.name);
    const state = await this.#look(presentTables(schema, this.#prefix));
    if (state.version === GUARD_VERSION && state.marker !== undefined) {
      const traces = traceOfALog(state);
      return traces === undefined ? { kind: "claimed", marker: state.marker } : occupied(traces);
    }
    if (state.version === COMPATIBLE_VERSION && state.record !== undefined) {
      return { kind: "handed-over", record: state.record };
    }
    if (state.version !== undefined) {
      const { integrated } = state;
      return occupied(
        `log software has opened it (version ${state.version}, size ${integrated.size}) in ${this.#database.name}`,
      );
    }
    const trace = traceOfALog(state);
    return trace === undefined ? { kind: "unclaimed" } : occupied(trace);
  }

  async integratedTree(): Promise<IntegratedTree | undefined> {
    const { version, integrated } = await this.#look(
      presentTables(await this.#database.schema(), this.#prefix),
    );
    return version === COMPATIBLE_VERSION ? integrated : undefined;
  }

  async claim(marker: string): Promise<void> {
    await this.#createTables();
    try {
      await this.#write((transaction) => {
        // Inserted, never updated: a version that is there is a log's.
        transaction.insert(this.#table("Tessera"), { ...ROW, compatibilityVersion: GUARD_VERSION });
        transaction.upsert(this.#table("TlogMigrate"), { ...ROW, marker, record: null });
      });
    } catch (error) {
      if (isAlreadyThere(error)) throw this.#refusal("was claimed by something else meanwhile");
      throw error;
    }
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.#write((transaction, state) => {
      this.#requireClaim(state, from);
      transaction.upsert(this.#table("TlogMigrate"), { ...ROW, marker: to, record: null });
    });
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await this.#write((transaction, found) => {
      if (this.#isHandedOver(found, state, record)) return;
      this.#requireClaim(found, marker);
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
      transaction.upsert(this.#table("TlogMigrate"), { ...ROW, marker: null, record });
      transaction.update(this.#table("Tessera"), { ...ROW, compatibilityVersion: COMPATIBLE_VERSION });
    });
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** A transaction whose outcome got lost is run again, and finds that it has been done. */
  #isHandedOver(found: State, { size, rootHash }: TreeState, record: string): boolean {
    const { version, integrated } = found;
    if (version !== COMPATIBLE_VERSION || found.record !== record) return false;
    return integrated.size === size && equalBytes(integrated.rootHash, rootHash);
  }

  #requireClaim(found: State, marker: string): void {
    if (found.version !== GUARD_VERSION || found.marker !== marker) {
      throw this.#refusal(`is not this copy's claim any more (version ${found.version ?? "missing"})`);
    }
    const trace = traceOfALog(found);
    if (trace !== undefined) throw this.#refusal(`holds ${trace}`);
  }

  #look(tables: ReadonlySet<TableName>): Promise<State> {
    return this.#database.use(async (database) => {
      const [snapshot] = await database.getSnapshot();
      try {
        return await this.#read(snapshot, tables);
      } finally {
        snapshot.end();
      }
    });
  }

  /** Reads the state and writes what follows from it, at one stroke. */
  async #write(work: (transaction: Transaction, state: State) => void): Promise<void> {
    const tables = presentTables(await this.#database.schema(), this.#prefix);
    await this.#database.use((database) =>
      database.runTransactionAsync(async (transaction) => {
        try {
          work(transaction, await this.#read(transaction, tables));
        } catch (error) {
          // The library leaves its locks standing otherwise, and the next transaction waits for them.
          await transaction.rollback().catch(() => {});
          throw error;
        }
        await transaction.commit();
      }),
    );
  }

  async #read(reader: Snapshot, tables: ReadonlySet<TableName>): Promise<State> {
    const row = async <Row>(table: TableName, ...columns: (keyof Row & string)[]) => {
      if (!tables.has(table)) return undefined;
      const [rows] = await reader.read(this.#table(table), { keys: ["0"], columns, json: true, limit: 1 });
      return rows[0] as Row | undefined;
    };
    const guard = await row<{ compatibilityVersion: number }>("Tessera", "compatibilityVersion");
    const sequence = await row<{ next: number }>("SeqCoord", "next");
    const integration = await row<{ seq: number; rootHash: Uint8Array | null }>(
      "IntCoord",
      "seq",
      "rootHash",
    );
    const publication = await row<{ publishedAt: Date }>("PubCoord", "publishedAt");
    const ours = await row<Documents>("TlogMigrate", "marker", "record");
    return {
      version: guard && Number(guard.compatibilityVersion),
      next: Number(sequence?.next ?? 0),
      integrated: {
        size: Number(integration?.seq ?? 0),
        rootHash: integration?.rootHash ?? new Uint8Array(),
      },
      published: publication !== undefined && Number(publication.publishedAt) > 0,
      hasEntries: await this.#hasEntries(reader, tables),
      marker: ours?.marker ?? undefined,
      record: ours?.record ?? undefined,
    };
  }

  async #hasEntries(reader: Snapshot, tables: ReadonlySet<TableName>): Promise<boolean> {
    if (!tables.has("Seq")) return false;
    const range = { startClosed: ["0"], endClosed: ["0"] };
    const [rows] = await reader.read(this.#table("Seq"), { ranges: [range], columns: ["seq"], limit: 1 });
    return rows.length > 0;
  }

  async #createTables(): Promise<void> {
    const statements = missingTables(await this.#database.schema(), this.#prefix, this.#database.name);
    if (statements.length > 0) await this.#database.changeSchema(statements);
  }

  #table(name: TableName): string {
    return this.#prefix + name;
  }

  #refusal(problem: string): TargetRefused {
    const advice = "Find out who else writes there, then run the same command again";
    return new TargetRefused({ object: this.#database.name, problem, advice });
  }
}

/** What says that log software was at work here, beyond the rows that one which was refused leaves. */
function traceOfALog({ next, integrated, published, hasEntries }: State): string | undefined {
  if (next > 0) return `a log's next index, ${next}`;
  if (integrated.size > 0) {
    return `a log's tree state, size ${integrated.size}, root ${formatHash(integrated.rootHash)}`;
  }
  if (published) return "the time of a log's last checkpoint";
  return hasEntries ? "entries that a log has accepted and not integrated" : undefined;
}

function occupied(found: string): Coordinated {
  return { kind: "occupied", found };
}
