/** What the tables of a log say about it, also where they are read while they change. */

import { expect, it } from "vitest";
import { TableLogState } from "../../../../storage/bucket/table-state.ts";
import type { RowReader, StateTables, Value } from "../../../../storage/bucket/tables.ts";

type Rows = Readonly<Record<string, Readonly<Record<string, Value>>>>;

const LOCATION = "gs://bucket/log/";
const OURS = { place: LOCATION, marker: null, record: null };
const TREE = { SeqCoord: { next: 700n }, IntCoord: { seq: 700n, rootHash: Buffer.alloc(32) } };
const CLAIMED: Rows = { Tessera: { compatibilityVersion: 0n }, TlogMigrate: { ...OURS, marker: "claim" } };
/** The handover's transaction, of which the last rows are not there yet. */
const HALF: Rows = { ...CLAIMED, ...TREE };
const HANDED_OVER: Rows = {
  ...TREE,
  Tessera: { compatibilityVersion: 1n },
  TlogMigrate: { ...OURS, record: "record" },
};

/** The state of tables that have other rows each time they are read. */
function stateOf(...seen: readonly Rows[]): { state: TableLogState; looks(): number } {
  let looks = 0;
  const tables = {
    database: "projects/p",
    prefix: "",
    async look<T>(read: (reader: RowReader) => Promise<T>): Promise<T> {
      const rows = seen[Math.min(looks++, seen.length - 1)] as Rows;
      return await read({
        row: async (table: string) => rows[table],
        hasEntries: async () => false,
      } as RowReader);
    },
  } as unknown as StateTables;
  const named = { options: "--spanner projects/p", binding: {}, prefixWarning: undefined };
  return { state: new TableLogState(tables, named, LOCATION), looks: () => looks };
}

it("is a claim before the handover, and handed over after it, at one look", async () => {
  const [claimed, handedOver] = [stateOf(CLAIMED), stateOf(HANDED_OVER)];
  expect(await claimed.state.inspect()).toMatchObject({ kind: "claimed", marker: "claim" });
  expect(await handedOver.state.inspect()).toMatchObject({ kind: "handed-over", record: "record" });
  expect([claimed.looks(), handedOver.looks()]).toEqual([1, 1]);
});

it("is looked at again where a transaction was seen in pieces", async () => {
  const { state, looks } = stateOf(HALF, HANDED_OVER);
  expect(await state.inspect()).toMatchObject({ kind: "handed-over" });
  expect(looks()).toBe(2);
});

it("is somebody's log where it stays so", async () => {
  const { state, looks } = stateOf(HALF);
  expect(await state.inspect()).toMatchObject({ kind: "occupied", found: "a log's next index, 700" });
  expect(looks()).toBe(2);
});
