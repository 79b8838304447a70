/** From far away: TLS, and round trips of a wide-area network, onto a disk. */

import { describeShape } from "../logs/shapes.ts";
import { ours } from "../peers/ours.ts";
import { ROUND_TRIPS_MS } from "../profile.ts";
import { ratio, rowFigures } from "../report/figures.ts";
import { goal } from "../report/goals.ts";
import { copyTable } from "../report/report.ts";
import type { Entrant, Source } from "../run/contender.ts";
import { startDelayProxy } from "../servers/delay-proxy.ts";
import { bestConcurrency, copiesTable, type Suite } from "./suite.ts";

const TABLE_ID = "distance";
/** Entries a second, compared with those without a delay. */
const LEAST_OF_NEAR = 0.8;
const NOTES = [
  "The first row reads from the server itself, all others through a proxy that delays both directions by half of " +
    "the round trip; also that of 0 ms, which shows by the first row what the proxy costs.",
  "The proxy's CPU time is counted with the server's, and both share the machine with the program.",
];

export const distance: Suite = {
  name: "distance",
  about: "From far away: TLS and 0, 20 and 50 ms of round trip, onto a disk",
  async run(bench) {
    const { log: shape, concurrencies } = bench.profile.distance;
    const title = `${describeShape(shape)}, TLS and a delay, onto a disk, durable`;
    const copies = {
      id: TABLE_ID,
      title,
      shape,
      into: "disk",
      secure: true,
      reference: rowId(0),
      notes: () => NOTES,
    } as const;
    const table = await copiesTable(bench, copies, async ({ source: near, setting, servers }) => {
      const best = (source: Source, row: Pick<Entrant, "id" | "label">) =>
        bestConcurrency(setting, source, concurrencies, (concurrency) =>
          ours(bench.program, { ...row, options: ["--concurrency", String(concurrency)] }),
        );
      const lines = [await best(near, { id: "direct", label: "0 ms, without the delay line" })];
      for (const roundTripMs of ROUND_TRIPS_MS) {
        const upstreamPort = Number(new URL(near.url).port);
        const proxy = await startDelayProxy({ upstreamPort, roundTripMs });
        servers.defer(proxy.close);
        const url = `https://127.0.0.1:${proxy.port}`;
        const far = { ...near, url, servers: [...near.servers, proxy.pid] };
        lines.push(await best(far, { id: rowId(roundTripMs), label: `${roundTripMs} ms` }));
      }
      return lines;
    });
    return [table];
  },
  goals(tables) {
    const table = copyTable(tables, TABLE_ID);
    const near = rowFigures(table, rowId(0))?.entriesPerSecond;
    return [20, 50].map((roundTripMs) => {
      const far = rowFigures(table, rowId(roundTripMs))?.entriesPerSecond;
      const text = `Speed at ${roundTripMs} ms of round trip compared with 0 ms, with TLS`;
      return goal(text, ratio(far, near), { atLeast: LEAST_OF_NEAR }, "%");
    });
  },
};

function rowId(roundTripMs: number): string {
  return `${roundTripMs}ms`;
}
