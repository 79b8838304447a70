/** Into Google's cloud, emulated on this machine: beside Tessera's own tool, and from far away. */

import { goAvailable } from "../../test/interop/go-programs.ts";
import { speedCharts } from "../chart.ts";
import { BenchCloud } from "../cloud.ts";
import { compare, type Entrant, fastest, lineOf, type Setting } from "../compare.ts";
import { copyTable, ratio, rowFigures } from "../figures.ts";
import { goal, percent, perSecond, times } from "../goals.ts";
import {
  GCS_CEILING_ID,
  GCS_OURS_ID,
  GCS_TESSERA_ID,
  oursToGcs,
  tesseraToGcs,
  uploadsToGcs,
} from "../peers/gcs.ts";
import type { CopyTable, MissingRow, Table } from "../report.ts";
import { describeShape } from "../shapes.ts";
import { type Bench, orNoRoom, type Suite, serveLog } from "../suite.ts";
import { goVersion, tesseraVersion } from "../versions.ts";

const NEAR_TABLE = "gcs";
const FAR_TABLE = "gcs-distance";
const LEAST_SPEED = 100_000;
const LEAST_OF_TESSERA = 4;
const LEAST_OF_NEAR = 0.8;

const EMULATED =
  "Cloud Storage is fake-gcs-server, Spanner is Tessera's test server, both in one process on the same cores; its CPU " +
  "time stands beside the program's, with that of the source's server. It is started anew for each run.";

export const gcs: Suite = {
  name: "gcs",
  about:
    "Into Google's cloud, emulated here, beside Tessera's own tool, and with 0, 20 and 50 ms of round trip",
  async run(bench) {
    if (!goAvailable()) return [withoutGo(NEAR_TABLE), withoutGo(FAR_TABLE)];
    bench.noteVersion("Tessera", tesseraVersion() ?? "unknown");
    bench.noteVersion("Go", goVersion() ?? "unknown");
    return [await nearTable(bench), await farTable(bench)];
  },
  goals(tables) {
    const near = copyTable(tables, NEAR_TABLE);
    const [mine, tessera, ceiling] = [GCS_OURS_ID, GCS_TESSERA_ID, GCS_CEILING_ID].map(
      (id) => rowFigures(near, id)?.entriesPerSecond,
    );
    const far = copyTable(tables, FAR_TABLE);
    const [at0, at20] = [0, 20].map((roundTripMs) => rowFigures(far, rowId(roundTripMs))?.entriesPerSecond);
    return [
      goal("Speed into Google's cloud, emulated here", mine, { atLeast: LEAST_SPEED }, perSecond),
      goal("Beside uploads alone", ratio(mine, ceiling), { atLeast: LEAST_OF_NEAR }, percent),
      goal("Beside Tessera's migrate/gcp", ratio(mine, tessera), { atLeast: LEAST_OF_TESSERA }, times),
      goal("At 20 ms of round trip beside 0 ms", ratio(at20, at0), { atLeast: LEAST_OF_NEAR }, percent),
    ];
  },
  charts: speedCharts,
};

function withoutGo(id: string): Table {
  const row = { state: "skipped", id: "all", label: "all of it", reason: "Go is not installed" } as const;
  return { kind: "copies", id, title: "Into Google's cloud", notes: [], rows: [row] };
}

async function nearTable(bench: Bench): Promise<CopyTable> {
  const { log: shape, concurrencies } = bench.profile.gcs;
  const head = { id: NEAR_TABLE, title: `${describeShape(shape)}, into Google's cloud, emulated` };
  return await orNoRoom(head, async () => {
    const log = await bench.logs.get(shape);
    const setting: Setting = {
      ...bench,
      name: head.title,
      into: bench.scratch,
      rounds: bench.profile.rounds,
    };
    await using servers = new AsyncDisposableStack();
    const source = await serveLog(bench, log, servers);
    const clouds = { ours: new BenchCloud(), tessera: new BenchCloud(), uploads: new BenchCloud() };
    const mine = await fastest(
      setting,
      concurrencies.map((concurrency) => {
        const label = `tlog-migrate, ${concurrency} bundles in flight`;
        return lineOf(oursToGcs(bench.program, clouds.ours, { label, concurrency }), source);
      }),
    );
    const rows = await compare(setting, [
      mine,
      lineOf(await tesseraToGcs(clouds.tessera), source),
      lineOf(uploadsToGcs(bench.program, clouds.uploads, UPLOADS_IN_FLIGHT), source),
    ]);
    const notes = [
      EMULATED,
      `Calls of the last run: ours ${calls(clouds.ours)}; Tessera's ${calls(clouds.tessera)}.`,
    ];
    return { kind: "copies", ...head, notes, reference: GCS_OURS_ID, rows };
  });
}

const UPLOADS_IN_FLIGHT = 32;

async function farTable(bench: Bench): Promise<CopyTable> {
  const { log: shape, roundTripsMs, concurrencies } = bench.profile.gcs;
  const head = { id: FAR_TABLE, title: `${describeShape(shape)}, into Google's cloud, far away` };
  return await orNoRoom(head, async () => {
    const log = await bench.logs.get(shape);
    const setting: Setting = {
      ...bench,
      name: head.title,
      into: bench.scratch,
      rounds: bench.profile.rounds,
    };
    await using servers = new AsyncDisposableStack();
    const source = await serveLog(bench, log, servers);
    const lines: (Entrant | MissingRow)[] = [];
    for (const roundTripMs of roundTripsMs) {
      const cloud = new BenchCloud(roundTripMs);
      const entrants = concurrencies.map((concurrency) => {
        const label = `${roundTripMs} ms, ${concurrency} bundles in flight`;
        const options = { id: rowId(roundTripMs), label, concurrency };
        return lineOf(oursToGcs(bench.program, cloud, options), source);
      });
      lines.push(await fastest(setting, entrants));
    }
    const rows = await compare(setting, lines);
    const delayed =
      "Cloud Storage stands behind a proxy that delays both directions by half of the round trip.";
    return { kind: "copies", ...head, notes: [EMULATED, delayed], reference: rowId(0), rows };
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
