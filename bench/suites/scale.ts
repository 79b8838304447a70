/** Against the size of the log: neither speed nor memory may depend on it. */

import { objectBytes, targetBytes } from "../logs/shapes.ts";
import { OURS, OURS_DISCARDING, type OursVariant, ours } from "../peers/ours.ts";
import { ANNOUNCED_SIZE } from "../profile.ts";
import { ratio, rowFigures } from "../report/figures.ts";
import { goal } from "../report/goals.ts";
import { type CopyTable, copyTable } from "../report/report.ts";
import { compare } from "../run/compare.ts";
import type { Entrant, Source } from "../run/contender.ts";
import { endlessArguments, startEndless } from "../servers/node-server.ts";
import { type Bench, type Suite, serveLog, settingOf } from "./suite.ts";

const [STORED_ID, ENDLESS_ID] = ["scale", "scale-endless"];
const [SMALLER_SIZE, LARGEST_SIZE] = [4_000_000, 100_000_000];
const LEAST_OF_SMALLER = 0.9;
const MOST_GROWTH = 1.1;
/** Copies for longer than this need no second round: what disturbs a run is a small part of it. */
const LONG_ENTRIES = 50_000_000;
const ENDLESS_NOTE =
  "Every byte is fetched and authenticated, but nothing is stored: what is shown is that memory does not grow.";

export const scale: Suite = {
  name: "scale",
  about: "Speed and memory against the size of the log",
  run: async (bench) => [await storedTable(bench), await endlessTable(bench)],
  goals(tables) {
    const [stored, endless] = [STORED_ID, ENDLESS_ID].map((id) => copyTable(tables, id));
    const speed = (size: number) => rowFigures(stored, String(size))?.entriesPerSecond;
    const memory = (size: number) => rowFigures(endless, String(size))?.peakRssBytes;
    const growth = ratio(memory(LARGEST_SIZE), memory(ANNOUNCED_SIZE));
    const faster = ratio(speed(ANNOUNCED_SIZE), speed(SMALLER_SIZE));
    const [memoryText, speedText] = [
      "Peak memory at 100,000,000 entries compared with 13,712,258",
      "Speed at 13,712,258 entries compared with 4,000,000",
    ];
    return [
      goal(memoryText, growth, { atMost: MOST_GROWTH }, "×"),
      goal(speedText, faster, { atLeast: LEAST_OF_SMALLER }, "%"),
    ];
  },
};

async function storedTable(bench: Bench): Promise<CopyTable> {
  const shapes = bench.profile.scale.stored;
  const title = `Logs of entries of ${shapes[0]?.entrySize} B, into memory`;
  const logs = await bench.logs.get(shapes, Math.max(...shapes.map(targetBytes)));
  await using servers = new AsyncDisposableStack();
  const entrants: Entrant[] = [];
  for (const log of logs) entrants.push(entrant(bench, OURS, await serveLog(bench, log, servers)));
  const rows = await compare(settingOf(bench, title, bench.scratch), entrants);
  return { kind: "copies", id: STORED_ID, title, notes: [], rows };
}

async function endlessTable(bench: Bench): Promise<CopyTable> {
  const title = "Logs made while they are read, and copies discarded";
  await using servers = new AsyncDisposableStack();
  const entrants: Entrant[] = [];
  for (const shape of bench.profile.scale.endless) {
    const { format, entries: size, entrySize } = shape;
    const args = endlessArguments(size, entrySize);
    const server = await startEndless(args);
    servers.defer(server.close);
    const made = ["node bench/servers/node-server.ts", ...args].join(" ");
    const files = { directory: "", paths: [], pathList: "" };
    const log = { ...files, format, size, vkey: server.vkey, bytes: objectBytes(shape), made };
    entrants.push(entrant(bench, OURS_DISCARDING, { log, url: server.url, servers: [server.pid] }));
  }
  const rows = await compare(settingOf(bench, title, bench.scratch), entrants);
  return { kind: "copies", id: ENDLESS_ID, title, notes: [ENDLESS_NOTE], rows };
}

function entrant(bench: Bench, variant: OursVariant, source: Source): Entrant {
  const { size } = source.log;
  const rounds = size > LONG_ENTRIES ? { rounds: 1 } : {};
  const label = `${size.toLocaleString("en")} entries`;
  return { ...ours(bench.program, variant), ...rounds, id: String(size), label, source };
}
