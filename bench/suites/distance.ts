/** From far away: TLS, and round trips of a wide-area network, onto a disk. */

import { describeShape } from "../logs/shapes.ts";
import { OURS, ours } from "../peers/ours.ts";
import { speedCharts } from "../report/chart.ts";
import { type Copies, copiesTable } from "../report/copies-table.ts";
import { copyTable, ratio, rowFigures } from "../report/figures.ts";
import { goal, percent } from "../report/goals.ts";
import type { CopyTable, MissingRow } from "../report/report.ts";
import { type Entrant, fastest, type Setting, type Source } from "../run/compare.ts";
import { startDelayProxy } from "../servers/delay-proxy.ts";
import type { Bench, Suite } from "./suite.ts";

const TABLE_ID = "distance";
/** Entries a second, beside those without a delay. */
const LEAST_OF_NEAR = 0.8;
const NOTES = [
  "The first row reads from the server itself, all others through a proxy that delays both directions by half of " +
    "the round trip; also that of 0 ms, beside which the first shows what the proxy costs.",
  "The proxy's CPU time is counted with the server's, and both share the machine with the program.",
];

export const distance: Suite = {
  name: "distance",
  about: "From far away: TLS and 0, 20 and 50 ms of round trip, onto a disk",
  run: async (bench) => [await distanceTable(bench)],
  goals(tables) {
    const table = copyTable(tables, TABLE_ID);
    const near = rowFigures(table, rowId(0))?.entriesPerSecond;
    return [20, 50].map((roundTripMs) => {
      const far = rowFigures(table, rowId(roundTripMs))?.entriesPerSecond;
      const text = `Speed at ${roundTripMs} ms of round trip beside 0 ms, with TLS`;
      return goal(text, ratio(far, near), { atLeast: LEAST_OF_NEAR }, percent);
    });
  },
  charts: speedCharts,
};

async function distanceTable(bench: Bench): Promise<CopyTable> {
  const { log: shape, roundTripsMs } = bench.profile.distance;
  const copies: Copies = {
    id: TABLE_ID,
    title: `${describeShape(shape)}, TLS and a delay, onto a disk, durable`,
    shape,
    into: "disk",
    secure: true,
    reference: rowId(0),
    notes: () => NOTES,
  };
  return await copiesTable(bench, copies, async ({ source: near, setting, servers }) => {
    const lines = [
      await bestEntrant(bench, setting, near, { id: "direct", words: "0 ms, without the delay line" }),
    ];
    for (const roundTripMs of roundTripsMs) {
      const upstreamPort = Number(new URL(near.url).port);
      const proxy = await startDelayProxy({ upstreamPort, roundTripMs });
      servers.defer(proxy.close);
      const url = `https://127.0.0.1:${proxy.port}`;
      const far = { ...near, url, servers: [...near.servers, proxy.pid] };
      const line = { id: rowId(roundTripMs), words: `${roundTripMs} ms` };
      lines.push(await bestEntrant(bench, setting, far, line));
    }
    return lines;
  });
}

/** Ours with the best of the numbers of bundles in flight from this source. */
async function bestEntrant(
  bench: Bench,
  setting: Setting,
  source: Source,
  { id, words }: { readonly id: string; readonly words: string },
): Promise<Entrant | MissingRow> {
  const entrants = bench.profile.distance.concurrencies.map((concurrency): Entrant => {
    const contender = ours(bench.program, { ...OURS, options: ["--concurrency", String(concurrency)] });
    return { id, label: `${words}, ${concurrency} bundles in flight`, contender, source };
  });
  return await fastest(setting, entrants);
}

function rowId(roundTripMs: number): string {
  return `${roundTripMs}ms`;
}
