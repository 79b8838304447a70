/** Against the size of the log: neither speed nor memory may depend on it. */

import type { BenchLog } from "../logs/logs.ts";
import { describeEntrySize, type LogShape, meanEntrySize, objectBytes, targetBytes } from "../logs/shapes.ts";
import { OURS, type OursVariant, ours } from "../peers/ours.ts";
import { ANNOUNCED_SIZE } from "../profile.ts";
import { scaleChart } from "../report/chart.ts";
import { copyTable, ratio, rowFigures } from "../report/figures.ts";
import { type Goal, goal, percent, times } from "../report/goals.ts";
import type { CopyTable, Table } from "../report/report.ts";
import { compare, type Entrant, type Source } from "../run/compare.ts";
import { startEndless } from "../servers/endless.ts";
import { type Bench, orNoRoom, type Suite, serveLog, settingOf } from "./suite.ts";

const [STORED_ID, ENDLESS_ID] = ["scale", "scale-endless"];
const [SMALLER_SIZE, LARGEST_SIZE] = [4_000_000, 100_000_000];
const LEAST_OF_SMALLER = 0.9;
const MOST_GROWTH = 1.1;
/** Copies for longer than this need no second round: what disturbs a run is a small part of it. */
const LONG_ENTRIES = 50_000_000;
const ENDLESS_TITLE = "Logs made while they are read, and copies discarded";
const ENDLESS_NOTES = [
  "Every byte is fetched and authenticated, but nothing is stored: what is shown is that memory does not grow.",
];

const OURS_DISCARDING: OursVariant = { ...OURS, discard: true };

export const scale: Suite = {
  name: "scale",
  about: "Speed and memory against the size of the log",
  run: async (bench) => [await storedTable(bench), await endlessTable(bench)],
  goals,
  charts: (tables) => scaleChart([STORED_ID, ENDLESS_ID].map((id) => copyTable(tables, id))),
};

async function storedTable(bench: Bench): Promise<CopyTable> {
  const { entries, entrySize } = bench.profile.scale;
  const shapes = entries.map((count): LogShape => ({ format: "tiles", entries: count, entrySize }));
  const title = `Logs of entries of ${describeEntrySize(entrySize)}, into memory`;
  return await orNoRoom({ id: STORED_ID, title }, async () => {
    const logs = await bench.logs.getAll(shapes, Math.max(...shapes.map(targetBytes)));
    const setting = settingOf(bench, title, bench.scratch);
    await using servers = new AsyncDisposableStack();
    const entrants: Entrant[] = [];
    for (const log of logs) entrants.push(entrant(bench, OURS, await serveLog(bench, log, servers)));
    return { kind: "copies", id: STORED_ID, title, notes: [], rows: await compare(setting, entrants) };
  });
}

async function endlessTable(bench: Bench): Promise<CopyTable> {
  const { endless, entrySize } = bench.profile.scale;
  const setting = settingOf(bench, ENDLESS_TITLE, bench.scratch);
  await using servers = new AsyncDisposableStack();
  const entrants: Entrant[] = [];
  for (const size of endless) {
    const source = await serveEndless({ format: "tiles", entries: size, entrySize }, servers);
    entrants.push(entrant(bench, OURS_DISCARDING, source));
  }
  const rows = await compare(setting, entrants);
  return { kind: "copies", id: ENDLESS_ID, title: ENDLESS_TITLE, notes: ENDLESS_NOTES, rows };
}

function entrant(bench: Bench, variant: OursVariant, source: Source): Entrant {
  const { size } = source.log;
  const contender = ours(bench.program, variant);
  const rounds = size > LONG_ENTRIES ? { rounds: 1 } : {};
  const label = `${size.toLocaleString("en")} entries`;
  return { id: String(size), label, contender: { ...contender, ...rounds }, source };
}

async function serveEndless(shape: LogShape, servers: AsyncDisposableStack): Promise<Source> {
  const { entries: size, entrySize } = shape;
  const entrySizeServed = Math.round(meanEntrySize(entrySize));
  const server = await startEndless({ size, entrySize: entrySizeServed });
  servers.defer(server.close);
  const { origin, vkey } = server;
  const made = `node bench/servers/endless.ts --size ${size} --entry-size ${entrySizeServed}`;
  const files = { directory: "", paths: [], pathList: "", made };
  const log: BenchLog = { shape, format: "tiles", origin, size, vkey, bytes: objectBytes(shape), ...files };
  return { log, url: server.url, servers: [server.pid] };
}

function goals(tables: readonly Table[]): Goal[] {
  const [stored, endless] = [STORED_ID, ENDLESS_ID].map((id) => copyTable(tables, id));
  const speed = (size: number) => rowFigures(stored, String(size))?.entriesPerSecond;
  const memory = (size: number) => rowFigures(endless, String(size))?.peakRssBytes;
  const growth = ratio(memory(LARGEST_SIZE), memory(ANNOUNCED_SIZE));
  return [
    goal("Peak memory at 100,000,000 entries beside 13,712,258", growth, { atMost: MOST_GROWTH }, times),
    goal(
      "Speed at 13,712,258 entries beside 4,000,000",
      ratio(speed(ANNOUNCED_SIZE), speed(SMALLER_SIZE)),
      { atLeast: LEAST_OF_SMALLER },
      percent,
    ),
  ];
}
