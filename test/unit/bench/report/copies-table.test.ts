import { expect, it } from "vitest";
import { type LogShape, targetBytes } from "../../../../bench/logs/shapes.ts";
import { profileFor } from "../../../../bench/profile.ts";
import { type Copies, copiesTable } from "../../../../bench/report/copies-table.ts";
import { NoRoom } from "../../../../bench/run/places.ts";
import type { Bench } from "../../../../bench/suites/suite.ts";
import { missingRow } from "../../../support/bench-report.ts";
import { temporaryDirectory } from "../../../support/places/temp.ts";

const SHAPE: LogShape = { format: "tiles", entries: 1000, entrySize: "1000" };
const COPIES: Copies = {
  id: "copies",
  title: "Copies",
  shape: SHAPE,
  into: "memory",
  reference: "ours",
  notes: () => ["a note"],
};

/** A benchmark whose logs are empty directories. */
function newBench(changes: Partial<Bench> = {}): { bench: Bench; rooms: (number | undefined)[] } {
  const rooms: (number | undefined)[] = [];
  const directory = temporaryDirectory();
  const place = { directory, fileSystem: "tmpfs" };
  const get = async (shape: LogShape, room?: number) => {
    rooms.push(room);
    return { shape, directory, format: shape.format };
  };
  const bench = {
    profile: profileFor({ quick: true }),
    logs: { get } as unknown as Bench["logs"],
    scratch: { ...place, fileSystem: "scratch" },
    disk: { ...place, fileSystem: "disk" },
    program: "tlog-migrate",
    before: undefined,
    signal: new AbortController().signal,
    say() {},
    noteVersion() {},
    ...changes,
  };
  return { bench, rooms };
}

const nobody = async () => [missingRow("skipped", "ours", "nobody takes part")];

it("a table of copies has those who take part, and the notes on what they did", async () => {
  const { bench } = newBench();
  const order: string[] = [];
  const notes = () => {
    order.push("notes");
    return ["a note"];
  };
  const table = await copiesTable(bench, { ...COPIES, notes }, async ({ source, setting }) => {
    order.push("lines");
    expect(source.url).toMatch(/^http:/);
    expect(setting).toMatchObject({ name: "Copies", into: bench.scratch, rounds: bench.profile.rounds });
    return await nobody();
  });
  const rows = await nobody();
  expect(table).toEqual({
    kind: "copies",
    id: "copies",
    title: "Copies",
    notes: ["a note"],
    reference: "ours",
    rows,
  });
  expect(order).toEqual(["lines", "notes"]);
});

it("a log that is to be served with TLS is, and copies onto a disk go there", async () => {
  const { bench } = newBench();
  await copiesTable(bench, { ...COPIES, into: "disk", secure: true }, async ({ source, setting }) => {
    expect(source.url).toMatch(/^https:/);
    expect(source.caFile).toBeDefined();
    expect(setting.into).toBe(bench.disk);
    return await nobody();
  });
});

it.each([
  ["memory", targetBytes(SHAPE)],
  ["disk", 0],
  ["cloud", 0],
] as const)("beside the log, copies into %s need room for so many bytes: %i", async (into, room) => {
  const { bench, rooms } = newBench();
  await copiesTable(bench, { ...COPIES, into }, nobody);
  expect(rooms).toEqual([room]);
});

it("a table without room says what is missing, and nothing is served", async () => {
  const refuse = async () => {
    throw new NoRoom("there is no room for the log");
  };
  const { bench } = newBench({ logs: { get: refuse } as unknown as Bench["logs"] });
  const noLog = await copiesTable(bench, COPIES, () => Promise.reject(new Error("served")));
  expect(noLog.rows).toMatchObject([{ state: "skipped", reason: "there is no room for the log" }]);
  const huge = { ...COPIES, shape: { ...SHAPE, entries: 1e13 }, into: "disk" } as const;
  const noCopy = await copiesTable(newBench().bench, huge, () => Promise.reject(new Error("served")));
  expect(noCopy).toMatchObject({ id: "copies", title: "Copies" });
  expect(noCopy.rows).toMatchObject([{ state: "skipped", reason: expect.stringContaining("--disk (disk)") }]);
});
