/** Into Google's cloud, emulated on this machine: beside Tessera's own tool, and from far away. */

import { goAvailable } from "../../test/support/go/programs.ts";
import { describeShape } from "../logs/shapes.ts";
import {
  GCS_CEILING_ID,
  GCS_OURS_ID,
  GCS_TESSERA_ID,
  oursToGcs,
  tesseraToGcs,
  uploadsToGcs,
} from "../peers/gcs.ts";
import { BEFORE } from "../peers/ours.ts";
import { speedCharts } from "../report/chart.ts";
import { type Copies, copiesTable } from "../report/copies-table.ts";
import { copyTable, ratio, rowFigures } from "../report/figures.ts";
import { goal, percent, perSecond, times } from "../report/goals.ts";
import type { CopyTable, MissingRow, Table } from "../report/report.ts";
import { type Entrant, fastest, lineOf } from "../run/compare.ts";
import { goVersion, tesseraVersion } from "../run/versions.ts";
import { BenchCloud } from "../servers/cloud.ts";
import type { Bench, Suite } from "./suite.ts";

const NEAR_TABLE = "gcs";
const FAR_TABLE = "gcs-distance";
const LEAST_SPEED = 100_000;
const LEAST_OF_TESSERA = 4;
const LEAST_OF_NEAR = 0.8;

const EMULATED =
  "Cloud Storage is fake-gcs-server, Spanner is Tessera's test server, both in one process on the same cores; its CPU " +
  "time stands beside the program's, with that of the source's server. It is started anew for each run.";

const DELAYED = "Cloud Storage stands behind a proxy that delays both directions by half of the round trip.";

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
  const clouds = { ours: new BenchCloud(), tessera: new BenchCloud(), uploads: new BenchCloud() };
  const copies: Copies = {
    id: NEAR_TABLE,
    title: `${describeShape(shape)}, into Google's cloud, emulated`,
    shape,
    into: "cloud",
    reference: GCS_OURS_ID,
    notes: () => [
      EMULATED,
      `Calls of the last run: ours ${calls(clouds.ours)}; Tessera's ${calls(clouds.tessera)}.`,
    ],
  };
  return await copiesTable(bench, copies, async ({ source, setting }) => {
    const best = (program: string, cloud: BenchCloud, { words, ...row }: GcsRow) =>
      fastest(
        setting,
        concurrencies.map((concurrency) => {
          const label = `${words}, ${concurrency} bundles in flight`;
          return lineOf(oursToGcs(program, cloud, { ...row, label, concurrency }), source);
        }),
      );
    const earlier = { id: BEFORE.id, words: BEFORE.label, isOurs: false };
    return [
      await best(bench.program, clouds.ours, { id: GCS_OURS_ID, words: "tlog-migrate", isOurs: true }),
      ...(bench.before === undefined ? [] : [await best(bench.before, new BenchCloud(), earlier)]),
      lineOf(await tesseraToGcs(clouds.tessera), source),
      lineOf(uploadsToGcs(bench.program, clouds.uploads, UPLOADS_IN_FLIGHT), source),
    ];
  });
}

interface GcsRow {
  readonly id: string;
  readonly words: string;
  readonly isOurs: boolean;
}

const UPLOADS_IN_FLIGHT = 32;

async function farTable(bench: Bench): Promise<CopyTable> {
  const { log: shape, roundTripsMs, concurrencies } = bench.profile.gcs;
  const copies: Copies = {
    id: FAR_TABLE,
    title: `${describeShape(shape)}, into Google's cloud, far away`,
    shape,
    into: "cloud",
    reference: rowId(0),
    notes: () => [EMULATED, DELAYED],
  };
  return await copiesTable(bench, copies, async ({ source, setting }) => {
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
