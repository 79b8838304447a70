/** Into Google's cloud, emulated on this machine: next to Tessera's own tool, and from far away. */

import { goAvailable } from "../../test/support/go/programs.ts";
import { describeShape } from "../logs/shapes.ts";
import { BEFORE_ID, OURS_ID, oursToGcs } from "../peers/ours.ts";
import { TESSERA_ID, tesseraToGcs } from "../peers/tessera.ts";
import { UPLOADS_ID, uploadsAlone } from "../peers/uploads-alone.ts";
import { ROUND_TRIPS_MS } from "../profile.ts";
import { ratio, rowFigures } from "../report/figures.ts";
import { goal } from "../report/goals.ts";
import { type CopyTable, copyTable, type MissingRow } from "../report/report.ts";
import { type Entrant, entrantOf } from "../run/contender.ts";
import { SkipError } from "../run/places.ts";
import { BenchCloud } from "../servers/cloud.ts";
import { type Bench, bestConcurrency, copiesTable, type Suite } from "./suite.ts";

const [NEAR_TABLE, FAR_TABLE] = ["gcs", "gcs-distance"];
const LEAST_SPEED = 100_000;
const LEAST_OF_UPLOADS = 0.8;
const LEAST_OF_TESSERA = 4;
const LEAST_OF_NEAR = 0.8;

const EMULATED =
  "Cloud Storage is fake-gcs-server, Spanner is Tessera's test server, both in one process on the same cores; its CPU " +
  "time is counted with that of the source's server. It is restarted for each run.";
const DELAYED = "Cloud Storage is behind a proxy that delays both directions by half of the round trip.";

export const gcs: Suite = {
  name: "gcs",
  about:
    "Into Google's cloud, emulated here, next to Tessera's own tool, and with 0, 20 and 50 ms of round trip",
  async run(bench) {
    if (!goAvailable()) throw new SkipError("Go is not installed");
    return [await nearTable(bench), await farTable(bench)];
  },
  goals(tables) {
    const [near, far] = [NEAR_TABLE, FAR_TABLE].map((id) => copyTable(tables, id));
    const [mine, tessera, uploads] = [OURS_ID, TESSERA_ID, UPLOADS_ID].map(
      (id) => rowFigures(near, id)?.entriesPerSecond,
    );
    const [at0, at20] = [0, 20].map((roundTripMs) => rowFigures(far, rowId(roundTripMs))?.entriesPerSecond);
    const speed = "Speed into Google's cloud, emulated here";
    return [
      goal(speed, mine, { atLeast: LEAST_SPEED }, "entries/s"),
      goal(`${speed}, next to uploads alone`, ratio(mine, uploads), { atLeast: LEAST_OF_UPLOADS }, "%"),
      goal(`${speed}, next to Tessera's`, ratio(mine, tessera), { atLeast: LEAST_OF_TESSERA }, "×"),
      goal(`${speed}, at 20 ms compared with 0 ms`, ratio(at20, at0), { atLeast: LEAST_OF_NEAR }, "%"),
    ];
  },
};

async function nearTable(bench: Bench): Promise<CopyTable> {
  const { log: shape, concurrencies } = bench.profile.gcs;
  const { program, before } = bench;
  const [cloud, tesseraCloud, otherCloud] = [new BenchCloud(), new BenchCloud(), new BenchCloud()];
  const title = `${describeShape(shape)}, into Google's cloud, emulated`;
  const notes = () => [
    EMULATED,
    `Calls of the last run: ours ${calls(cloud)}; Tessera's ${calls(tesseraCloud)}.`,
  ];
  const copies = { id: NEAR_TABLE, title, shape, into: "cloud", reference: OURS_ID, notes } as const;
  return await copiesTable(bench, copies, async ({ setting, source }) => {
    const builds = [oursToGcs(program, cloud, { id: OURS_ID, label: "tlog-migrate" })];
    if (before !== undefined) {
      builds.push(oursToGcs(before, otherCloud, { id: BEFORE_ID, label: "before: an earlier build" }));
    }
    const lines: (Entrant | MissingRow)[] = [];
    for (const build of builds) lines.push(await bestConcurrency(setting, source, concurrencies, build));
    const others = [await tesseraToGcs(tesseraCloud), uploadsAlone(otherCloud)];
    return [...lines, ...others.map((candidate) => entrantOf(candidate, source))];
  });
}

async function farTable(bench: Bench): Promise<CopyTable> {
  const { log: shape, concurrencies } = bench.profile.gcs;
  const title = `${describeShape(shape)}, into Google's cloud, far away`;
  const notes = () => [EMULATED, DELAYED];
  const copies = { id: FAR_TABLE, title, shape, into: "cloud", reference: rowId(0), notes } as const;
  return await copiesTable(bench, copies, async ({ setting, source }) => {
    const lines: (Entrant | MissingRow)[] = [];
    for (const roundTripMs of ROUND_TRIPS_MS) {
      const row = { id: rowId(roundTripMs), label: `${roundTripMs} ms` };
      const far = oursToGcs(bench.program, new BenchCloud(roundTripMs), row);
      lines.push(await bestConcurrency(setting, source, concurrencies, far));
    }
    return lines;
  });
}

function rowId(roundTripMs: number): string {
  return `gcs-${roundTripMs}ms`;
}

/** How often the emulators were called, by kind. */
function calls({ lastCounts }: BenchCloud): string {
  const counts = Object.entries(lastCounts).toSorted(([, a], [, b]) => b - a);
  return counts.map(([kind, count]) => `${count.toLocaleString("en")} ${kind}`).join(", ") || "none";
}
