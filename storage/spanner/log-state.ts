/**
 * The private state of a Tessera log in Spanner, which decides whether an Appender starts and where it goes on. The claim
 * is a version that every lifecycle refuses. A table of ours names the target where the log's objects are: a database
 * is believed for that target alone.
 */

import type { Transaction } from "@google-cloud/spanner";
import { TargetRefusedError } from "../../lib/errors.ts";
import type { Finding } from "../../lib/migrate/ports/executor.ts";
import type { IntegratedTree, TreeState } from "../../lib/migrate/ports/target.ts";
import { findings } from "../../lib/migrate/verify/findings.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { equalBytes } from "../../lib/tlog/merkle.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import type { LogState, StateContents } from "../bucket/log-state.ts";
import { SpannerDatabase } from "./database.ts";
import {
  type Claim,
  integratedTree,
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
  requireTablePrefix,
  type Schema,
  type TableName,
} from "./schema.ts";

const ROW = { id: 0 } as const;

export interface SpannerPlace extends Pick<LogState, "options" | "binding"> {
  /** `projects/P/instances/I/databases/D` */
  readonly database: string;
  readonly tablePrefix: string;
}

export class SpannerLogState implements LogState {
  readonly name: string;
  readonly options: string;
  readonly binding: object;
  readonly treeStateName: string;
  readonly markerName: string;
  readonly recordName: string;
  readonly #database: SpannerDatabase;
  readonly #prefix: string;
  readonly #location: string;
  /** Read once, and again when we have changed it: nobody else changes it while a copy is at work. */
  #schema: Schema | undefined;

  /** @param location names the target where the log's objects are. */
  constructor(place: SpannerPlace, location: string, signal?: AbortSignal) {
    const { database, tablePrefix, options, binding } = place;
    this.name = `the database ${database}`;
    this.options = options;
    this.binding = binding;
    this.#database = new SpannerDatabase(database, signal);
    this.#prefix = requireTablePrefix(tablePrefix);
    this.#location = location;
    this.treeStateName = this.#tableName("IntCoord");
    const [guard, documents] = [this.#table("Tessera"), this.#table("TlogMigrate")];
    this.markerName = `the rows of the tables ${guard} and ${documents} of ${database}`;
    this.recordName = `the column record of ${this.#tableName("TlogMigrate")}`;
  }

  async inspect(): Promise<StateContents> {
    const state = await this.#look(readState);
    const { version, marker, record, place: location } = state;
    const elsewhere = this.#elsewhere(state);
    if (elsewhere !== undefined) return occupied(elsewhere);
    const trace = traceOfALog(state);
    switch (version) {
      case undefined:
        return trace === undefined ? { kind: "unclaimed" } : occupied(trace);
      case GUARD_VERSION:
        if (marker === undefined) return occupied(`a claim without a marker in ${this.#database.name}`);
        return trace === undefined ? { kind: "claimed", marker, location } : occupied(trace);
      case COMPATIBLE_VERSION:
        if (record !== undefined) return { kind: "handed-over", record, location };
    }
    const opened = `version ${version}, size ${formatCount(state.integrated.size)}`;
    return occupied(`log software has opened it (${opened}) in ${this.#database.name}`);
  }

  async integratedTree(): Promise<IntegratedTree | undefined> {
    const state = await this.#look(readState);
    return this.#hasLog(state) ? integratedTree(state) : undefined;
  }

  async stateFaults(): Promise<Finding[]> {
    const state = await this.#look(readState);
    if (!this.#hasLog(state)) return [];
    const { version, next, integrated, collectFrom } = state;
    const check = (table: TableName, isRight: boolean, problem: string, expected: string, found: unknown) =>
      findings(this.#tableName(table), () => {
        if (!isRight) throw new FormatError(problem, expected, `${found}`);
      });
    const { size } = integrated;
    const again = "would have log software hand out indexes again that the tree has";
    const beyond = "lets the clean-up of obsolete partials begin outside the tree";
    const isWithin = collectFrom >= 0n && collectFrom <= size;
    const isRefused = version !== COMPATIBLE_VERSION;
    return [
      ...(await check("Tessera", !isRefused, "is refused by log software", `${COMPATIBLE_VERSION}`, version)),
      ...(await check("SeqCoord", next >= size, again, `next ${size} or more`, next)),
      ...(await check("GCCoord", isWithin, beyond, `fromSize 0 to ${size}`, collectFrom)),
    ];
  }

  async prepare(): Promise<void> {
    this.#schema = undefined;
    const { missing } = await this.#tables();
    if (missing.length > 0) await this.#database.changeSchema(missing);
    this.#schema = undefined;
  }

  async claim(marker: string): Promise<void> {
    await this.#write((transaction, found, isRerun) => {
      if (isRerun && this.#isClaimedBy(found, marker)) return;
      if (found.version !== undefined) throw this.#refusal("was claimed by something else meanwhile");
      this.#requireNoTrace(found);
      // Inserted, never updated: a version that is there is a log's.
      transaction.insert(this.#table("Tessera"), { ...ROW, compatibilityVersion: GUARD_VERSION });
      this.#upsertDocuments(transaction, marker, null);
    });
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.#write((transaction, found, isRerun) => {
      if (isRerun && this.#isClaimedBy(found, to)) return;
      this.#requireClaim(found, from);
      this.#requireNoTrace(found);
      this.#upsertDocuments(transaction, to, null);
    });
  }

  async requireClaim(marker: string | undefined): Promise<void> {
    this.#requireClaim(await this.#look(readClaim), marker);
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await this.#write((transaction, found) => {
      if (this.#isHandedOver(found, state, record)) return;
      this.#requireClaim(found, marker);
      this.#requireNoTrace(found);
      const { size, rootHash, collectFrom } = state;
      transaction.upsert(this.#table("SeqCoord"), { ...ROW, next: size });
      transaction.upsert(this.#table("IntCoord"), { ...ROW, seq: size, rootHash: Buffer.from(rootHash) });
      // Long ago, so that the Appender publishes a checkpoint at its first tick.
      const publishedAt = new Date(0).toISOString();
      transaction.upsert(this.#table("PubCoord"), { ...ROW, publishedAt, size: 0 });
      transaction.upsert(this.#table("GCCoord"), { ...ROW, fromSize: collectFrom });
      this.#upsertDocuments(transaction, null, record);
      transaction.update(this.#table("Tessera"), { ...ROW, compatibilityVersion: COMPATIBLE_VERSION });
    });
  }

  /** A row that log software has not touched goes, as all that it would believe: one that is at work meanwhile fails. */
  async takeBack(marker: string, state: TreeState, record?: string): Promise<void> {
    await this.#write((transaction, found, isRerun) => {
      if (isRerun && this.#isClaimedBy(found, marker)) return;
      if (record === undefined || !this.#isHandedOver(found, state, record)) {
        throw this.#refusal("is not as the handover left it");
      }
      const { next, published, hasEntries, collectFrom } = found;
      const isNext = next === BigInt(state.size) && collectFrom === BigInt(state.collectFrom);
      if (!isNext || published || hasEntries) {
        throw this.#refusal("is not as the handover left it: log software was at work here");
      }
      transaction.update(this.#table("Tessera"), { ...ROW, compatibilityVersion: GUARD_VERSION });
      for (const name of ["SeqCoord", "IntCoord", "PubCoord", "GCCoord"] as const) {
        transaction.deleteRows(this.#table(name), [[`${ROW.id}`]]);
      }
      this.#upsertDocuments(transaction, marker, null);
    });
  }

  async unclaim(marker: string): Promise<void> {
    await this.#write((transaction, found, isRerun) => {
      if (isRerun && found.version === undefined) return;
      this.#requireClaim(found, marker);
      this.#requireNoTrace(found);
      for (const name of ["Tessera", "TlogMigrate"] as const) {
        transaction.deleteRows(this.#table(name), [[`${ROW.id}`]]);
      }
    });
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** Whether the state is a log's that is here: one that only has a claim of ours is none. */
  #hasLog(state: State): boolean {
    const { version, marker } = state;
    const isClaim = version === GUARD_VERSION && marker !== undefined;
    return version !== undefined && !isClaim && this.#elsewhere(state) === undefined;
  }

  /** Where the log is whose state this is, if it is not here. */
  #elsewhere({ version, place }: Claim): string | undefined {
    if (version === undefined || place === undefined || place === this.#location) return undefined;
    return `${this.name} belongs to ${place}`;
  }

  #isClaimedBy(found: Claim, marker: string): boolean {
    return found.version === GUARD_VERSION && found.marker === marker && found.place === this.#location;
  }

  /** Also where an earlier run did it, and got no answer. */
  #isHandedOver(found: State, { size, rootHash }: TreeState, record: string): boolean {
    const { version, integrated } = found;
    const isOurs = found.record === record && found.place === this.#location;
    if (version !== COMPATIBLE_VERSION || !isOurs) return false;
    return integrated.size === BigInt(size) && equalBytes(integrated.rootHash, rootHash);
  }

  #requireClaim(found: Claim, marker: string | undefined): void {
    const elsewhere = this.#elsewhere(found);
    if (elsewhere !== undefined) throw this.#refusal(`is not this target's: ${elsewhere}`);
    const isClaimed = found.version === GUARD_VERSION && found.marker !== undefined;
    if (!isClaimed || (marker !== undefined && found.marker !== marker)) {
      throw this.#refusal(`is not this copy's claim any more (version ${found.version ?? "missing"})`);
    }
  }

  #requireNoTrace(found: State): void {
    const trace = traceOfALog(found);
    if (trace !== undefined) throw this.#refusal(`holds ${trace}`);
  }

  #upsertDocuments(transaction: Transaction, marker: string | null, record: string | null): void {
    transaction.upsert(this.#table("TlogMigrate"), { ...ROW, marker, record, place: this.#location });
  }

  /** @throws TargetRefusedError if a table has a different schema. */
  async #tables(): Promise<{ schema: Schema; missing: string[] }> {
    this.#schema ??= await this.#database.schema();
    const missing = missingTables(this.#schema, this.#prefix, this.#database.name);
    return { schema: this.#schema, missing };
  }

  async #look<T>(read: (view: TablesView) => Promise<T>): Promise<T> {
    const { schema } = await this.#tables();
    return await this.#database.use(async (database) => {
      const [snapshot] = await database.getSnapshot();
      try {
        return await read({ reader: snapshot, schema, prefix: this.#prefix });
      } finally {
        snapshot.end();
      }
    });
  }

  /** Writes what follows from the state, atomically; again, with `isRerun`, where it may be done but no answer came. */
  async #write(work: (transaction: Transaction, state: State, isRerun: boolean) => void): Promise<void> {
    // A claim of an earlier version of ours is in a table that lacks a column.
    if ((await this.#tables()).missing.length > 0) await this.prepare();
    const { schema } = await this.#tables();
    let runs = 0;
    await this.#database.use((database) =>
      database.runTransactionAsync(async (transaction) => {
        try {
          const view = { reader: transaction, schema, prefix: this.#prefix };
          work(transaction, await readState(view), runs++ > 0);
        } catch (error) {
          // The library keeps its locks otherwise, and the next transaction waits for them.
          await transaction.rollback().catch(() => {});
          throw error;
        }
        await transaction.commit();
      }),
    );
  }

  #table(name: TableName): string {
    return this.#prefix + name;
  }

  /** What messages call a table. */
  #tableName(name: TableName): string {
    return `the table ${this.#table(name)} of ${this.#database.name}`;
  }

  #refusal(problem: string): TargetRefusedError {
    const advice = "Find out who else writes there, then run the same command again";
    return new TargetRefusedError({ object: this.#database.name, problem, advice });
  }
}

function occupied(found: string): StateContents {
  return { kind: "occupied", found };
}
