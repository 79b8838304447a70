import { expect, test } from "vitest";
import { targetState } from "../../../../cmd/options/state.ts";
import { UsageError } from "../../../../lib/index.ts";

const database = "projects/p/instances/i/databases/d";

test("what names a database reaches the engine", () => {
  expect(targetState({ treeState: true })).toEqual({});
  expect(targetState({ spanner: database })).toEqual({ spanner: { database, tablePrefix: undefined } });
  expect(targetState({ spanner: database, spannerTablePrefix: "a_" })).toEqual({
    spanner: { database, tablePrefix: "a_" },
  });
  expect(targetState({ treeState: false })).toEqual({ treeState: false });
});

test("a table prefix without a database is wrong use", () => {
  for (const treeState of [true, false]) {
    const options = { spannerTablePrefix: "a_", treeState };
    expect(() => targetState(options)).toThrow(UsageError);
    expect(() => targetState(options)).toThrow(/--spanner-table-prefix: .*Pass --spanner too/);
  }
});
