/** Many processes on one log: what dividing it by a queue costs, and what more workers bring. */

import { describeShape } from "../logs/shapes.ts";
import { fleet, type WorkerLine, workerCommand } from "../peers/fleet.ts";
import { OURS, OURS_ID, ours } from "../peers/ours.ts";
import { ratio, rowFigures, wallRatioByRound } from "../report/figures.ts";
import { goal } from "../report/goals.ts";
import { type CopyTable, copyTable, measuredRow } from "../report/report.ts";
import { redisVersion } from "../servers/redis.ts";
import { shellWords } from "../shell.ts";
import { divisionGoals, divisionTable } from "./division.ts";
import { type Bench, copiesTable, type Suite } from "./suite.ts";

const [NEAR_ID, FAR_ID] = ["queue-near", "queue-far"];
const [WORKER_ID, SHARED_ID, ALONE_ID] = ["worker-alone", "divided", "divided-alone"];
/** The plain copy's wall time, compared with that of a copy which is divided. */
const LEAST_OF_PLAIN = 0.95;
const WORKERS = [1, 2, 4, 8];
const LEAST_OF_EIGHT = 7.2;
/** An eighth of what this machine copies in a second, and less: the lines are what limits eight workers. */
const LINE: WorkerLine = { roundTripMs: 50, bytesPerSecond: 4e6 };

export const scaleOut: Suite = {
  name: "scale-out",
  about: "Many processes on one log, by a queue",
  async run(bench) {
    bench.versions.add(redisVersion());
    return [await nearTable(bench), await farTable(bench), await divisionTable(bench)];
  },
  goals(tables) {
    const near = copyTable(tables, NEAR_ID);
    const far = copyTable(tables, FAR_ID);
    const costOf = (id: string) => wallRatioByRound(measuredRow(near, OURS_ID), measuredRow(near, id));
    const [one, eight] = [1, 8].map((workers) => rowFigures(far, String(workers))?.entriesPerSecond);
    return [
      goal(
        "Speed of a copy that one worker does, compared with one that is not divided",
        costOf(WORKER_ID),
        { atLeast: LEAST_OF_PLAIN },
        "%",
      ),
      goal(
        "The same of a copy that two processes do, on the same cores",
        costOf(SHARED_ID),
        { atLeast: LEAST_OF_PLAIN },
        "%",
      ),
      goal(
        "Speed of 8 workers, each behind its own line",
        ratio(eight, one),
        { atLeast: LEAST_OF_EIGHT },
        "×",
      ),
      ...divisionGoals(tables),
    ];
  },
};

function nearTable(bench: Bench): Promise<CopyTable> {
  const shape = bench.profile.scaleOut.near;
  const { program } = bench;
  return copiesTable(
    bench,
    {
      id: NEAR_ID,
      title: `${describeShape(shape)}, divided on one machine, into memory`,
      shape,
      into: "memory",
      reference: OURS_ID,
      notes: () => [
        "The copy that divides the log works on it too, next to its workers, which wait for it, or leaves it to them (--workers 0). Their " +
          "CPU time, and that of Redis, is counted with the server's.",
        workerNote(),
      ],
    },
    async ({ source }) => [
      { ...ours(program, OURS), source },
      ...(
        [
          [WORKER_ID, "divided, done by one worker", 1, ["--workers", "0"]],
          [SHARED_ID, "divided, with one worker", 1, []],
          [ALONE_ID, "divided, without a worker", 0, []],
        ] as const
      ).map(([id, label, workers, own]) => ({ ...fleet(program, { id, label }, { workers }, own), source })),
    ],
  );
}

function farTable(bench: Bench): Promise<CopyTable> {
  const shape = bench.profile.scaleOut.far;
  const { roundTripMs, bytesPerSecond } = LINE;
  return copiesTable(
    bench,
    {
      id: FAR_ID,
      title: `${describeShape(shape)}, by workers that are each behind a line of ${bytesPerSecond / 1e6} MB/s and ${roundTripMs} ms`,
      shape,
      into: "memory",
      reference: "1",
      notes: () => [
        "The copy that divides the log copies none of it (--workers 0). Each worker has one thread, and reads from the server through a " +
          "proxy of its own, whose CPU time is counted with the server's.",
        workerNote("--workers", "1"),
      ],
    },
    async ({ source }) =>
      WORKERS.map((workers) => {
        const label = workers === 1 ? "1 worker" : `${workers} workers`;
        const limited = { workers, line: LINE, options: ["--workers", "1"] };
        const row = { id: String(workers), label };
        // What disturbs a run of minutes is a small part of it.
        return { ...fleet(bench.program, row, limited, ["--workers", "0"]), source, rounds: 1 };
      }),
  );
}

function workerNote(...options: readonly string[]): string {
  const places = { sourceUrl: "$SOURCE", target: "$TARGET", log: { vkey: "$VKEY" } };
  const [file = "", ...args] = workerCommand("dist/cmd/tlog-migrate.js", places, "$QUEUE");
  return `A worker is \`${shellWords({ file, args: [...args, ...options] })}\`.`;
}
