/** How long a copy takes until it asks for the first entries. */

import { goal, milliseconds } from "../report/goals.ts";
import type { Table, TimeTable } from "../report/report.ts";
import { median } from "../report/statistics.ts";
import { timeToFirstBundle } from "../run/first-request.ts";
import type { Suite } from "./suite.ts";

const TABLE_ID = "start-up";
const ROW_ID = "first-bundle";
const MOST_MILLISECONDS = 300;

export const startUp: Suite = {
  name: "start-up",
  about: "From the start of the process to the first request for an entry bundle",
  async run(bench) {
    const { runs } = await timeToFirstBundle({
      runs: bench.profile.startUps,
      directory: bench.disk.directory,
      command: ({ url, target, vkey }) => [
        process.execPath,
        bench.program,
        "copy",
        url,
        target,
        "--vkey",
        vkey,
        "--quiet",
      ],
    });
    bench.say(`start-up: ${runs.map((time) => Math.round(time)).join(", ")} ms`);
    const row = { id: ROW_ID, label: "tlog-migrate", milliseconds: runs };
    return [
      {
        kind: "times",
        id: TABLE_ID,
        title: "Time to the first request for a bundle",
        notes: [],
        rows: [row],
      },
    ];
  },
  goals: (tables) => [
    goal(
      "Start to the first request for a bundle",
      medianOf(tables),
      { atMost: MOST_MILLISECONDS },
      milliseconds,
    ),
  ],
  charts: () => [],
};

function medianOf(tables: readonly Table[]): number | undefined {
  const table = tables.find((candidate): candidate is TimeTable => candidate.kind === "times");
  const row = table?.rows.find(({ id }) => id === ROW_ID);
  return row === undefined ? undefined : median(row.milliseconds);
}
