/**
 * The private state of a Tessera log in the tables of a database, which decides whether an Appender starts and where it
 * goes on. The claim is a version that every lifecycle refuses. A table of ours names the target where the log's objects
 * are: a database is believed for that target alone.
 */

import { setTimeout } from "node:timers/promises";
import { TargetRefusedError } from "../../lib/errors.ts";
import type { Finding } from "../../lib/migrate/ports/executor.ts";
import type { IntegratedTree, TreeState } from "../../lib/migrate/ports/target.ts";
import { findings } from "../../lib/migrate/verify/findings.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { equalBytes } from "../../lib/tlog/merkle.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import type { LogState, StateContents } from "./log-state.ts";
import { integratedTree, readClaim, readState, traceOfALog } from "./table-rows.ts";
import {
  type Claim,
  COMPATIBLE_VERSION,
  GUARD_VERSION,
  type RowChanges,
  type State,
  type StateTables,
  type TableName,
} from "./tables.ts";

const LOOK_AGAIN_MS = 100;

export class TableLogState implements LogState {
  readonly name: string;
  readonly options: string;
  readonly binding: object;
  readonly prefixWarning: string | undefined;
  readonly treeStateName: string;
  readonly markerName: string;
  readonly recordName: string;
  readonly #tables: StateTables;
  readonly #location: string;

  /** @param location names the target where the log's objects are. */
  constructor(
    tables: StateTables,
    named: Pick<LogState, "options" | "binding" | "prefixWarning">,
    location: string,
  ) {
    const { database, prefix } = tables;
    this.name = `the database ${database}`;
    this.options = named.options;
    this.binding = named.binding;
    this.prefixWarning = named.prefixWarning;
    this.#tables = tables;
    this.#location = location;
    this.treeStateName = this.#tableName("IntCoord");
    this.markerName = `the rows of the tables ${prefix}Tessera and ${prefix}TlogMigrate of ${database}`;
    this.recordName = `the column record of ${this.#tableName("TlogMigrate")}`;
  }

  async inspect(): Promise<StateContents> {
    const found = await this.#look();
    if (found.kind !== "occupied") return found;
    // A read during a commit may see only part of it, as it does in Spanner's test server.
    await setTimeout(LOOK_AGAIN_MS);
    return await this.#look();
  }

  async #look(): Promise<StateContents> {
    const state = await this.#tables.look(readState);
    const { version, marker, record, place: location } = state;
    const elsewhere = this.#elsewhere(state);
    if (elsewhere !== undefined) return occupied(elsewhere);
    const trace = traceOfALog(state);
    switch (version) {
      case undefined:
        return trace === undefined ? { kind: "unclaimed" } : occupied(trace);
      case GUARD_VERSION:
        if (marker === undefined) return occupied(`a claim without a marker in ${this.#tables.database}`);
        return trace === undefined ? { kind: "claimed", marker, location } : occupied(trace);
      case COMPATIBLE_VERSION:
        if (record !== undefined) return { kind: "handed-over", record, location };
    }
    const opened = `version ${version}, size ${formatCount(state.integrated.size)}`;
    return occupied(`log software has opened it (${opened}) in ${this.#tables.database}`);
  }

  async integratedTree(): Promise<IntegratedTree | undefined> {
    const state = await this.#tables.look(readState);
    return this.#hasLog(state) ? integratedTree(state) : undefined;
  }

  async stateFaults(): Promise<Finding[]> {
    const state = await this.#tables.look(readState);
    if (!this.#hasLog(state)) return [];
    const { version, next, integrated, collectFrom } = state;
    const check = (table: TableName, isRight: boolean, problem: string, expected: string, found: unknown) =>
      findings(this.#tableName(table), () => {
        if (!isRight) throw new FormatError(problem, expected, `${found}`);
      });
    const { size } = integrated;
    const again = "would make log software assign indexes again that the tree already has";
    const beyond = "lets the clean-up of obsolete partials begin outside the tree";
    const isWithin = collectFrom >= 0n && collectFrom <= size;
    const isRefused = version !== COMPATIBLE_VERSION;
    return [
      ...(await check("Tessera", !isRefused, "is refused by log software", `${COMPATIBLE_VERSION}`, version)),
      ...(await check("SeqCoord", next >= size, again, `next ${size} or more`, next)),
      ...(await check("GCCoord", isWithin, beyond, `fromSize 0 to ${size}`, collectFrom)),
    ];
  }

  prepare(): Promise<void> {
    return this.#tables.prepare();
  }

  async claim(marker: string): Promise<void> {
    await this.#tables.write((changes, found, isRerun) => {
      if (isRerun && this.#isClaimedBy(found, marker)) return;
      if (found.version !== undefined) throw this.#refusal("was claimed by something else meanwhile");
      this.#requireNoTrace(found);
      // Inserted, never updated: a version that is there is a log's.
      changes.insert("Tessera", { compatibilityVersion: GUARD_VERSION });
      this.#upsertDocuments(changes, marker, null);
    });
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.#tables.write((changes, found, isRerun) => {
      if (isRerun && this.#isClaimedBy(found, to)) return;
      this.#requireClaim(found, from);
      this.#requireNoTrace(found);
      this.#upsertDocuments(changes, to, null);
    });
  }

  async requireClaim(marker: string | undefined): Promise<void> {
    this.#requireClaim(await this.#tables.look(readClaim), marker);
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await this.#tables.write((changes, found) => {
      if (this.#isHandedOver(found, state, record)) return;
      this.#requireClaim(found, marker);
      this.#requireNoTrace(found);
      const { size, rootHash, collectFrom } = state;
      changes.upsert("SeqCoord", { next: size });
      changes.upsert("IntCoord", { seq: size, rootHash: Buffer.from(rootHash) });
      changes.upsert("PubCoord", this.#tables.unpublished);
      changes.upsert("GCCoord", { fromSize: collectFrom });
      this.#upsertDocuments(changes, null, record);
      changes.update("Tessera", { compatibilityVersion: COMPATIBLE_VERSION });
    });
  }

  /** A row that log software has not touched goes, as all that it would believe: one that is at work meanwhile fails. */
  async takeBack(marker: string, state: TreeState, record?: string): Promise<void> {
    await this.#tables.write((changes, found, isRerun) => {
      if (isRerun && this.#isClaimedBy(found, marker)) return;
      if (record === undefined || !this.#isHandedOver(found, state, record)) {
        throw this.#refusal("is not as the handover left it");
      }
      const { next, published, hasEntries, collectFrom } = found;
      const isNext = next === BigInt(state.size) && collectFrom === BigInt(state.collectFrom);
      if (!isNext || published || hasEntries) {
        throw this.#refusal("is not as the handover left it: log software was at work here");
      }
      changes.update("Tessera", { compatibilityVersion: GUARD_VERSION });
      for (const name of ["SeqCoord", "IntCoord", "PubCoord", "GCCoord"] as const) {
        changes.remove(name);
      }
      this.#upsertDocuments(changes, marker, null);
    });
  }

  async unclaim(marker: string): Promise<void> {
    await this.#tables.write((changes, found, isRerun) => {
      if (isRerun && found.version === undefined) return;
      this.#requireClaim(found, marker);
      this.#requireNoTrace(found);
      for (const name of ["Tessera", "TlogMigrate"] as const) {
        changes.remove(name);
      }
    });
  }

  close(): Promise<void> {
    return this.#tables.close();
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

  #upsertDocuments(changes: RowChanges, marker: string | null, record: string | null): void {
    changes.upsert("TlogMigrate", { marker, record, place: this.#location });
  }

  /** What messages call a table. */
  #tableName(name: TableName): string {
    return `the table ${this.#tables.prefix}${name} of ${this.#tables.database}`;
  }

  #refusal(problem: string): TargetRefusedError {
    const advice = "Find out who else writes there, then run the same command again";
    return new TargetRefusedError({ object: this.#tables.database, problem, advice });
  }
}

function occupied(found: string): StateContents {
  return { kind: "occupied", found };
}
