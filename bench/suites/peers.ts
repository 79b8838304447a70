/** Beside other programs that copy, into memory: no disk is measured, only what the programs themselves take. */

import { describeShape, type LogShape, shapeId } from "../logs/shapes.ts";
import { cp } from "../peers/cp.ts";
import {
  OURS_DEEP,
  OURS_FETCHING_TILES,
  OURS_ID,
  OURS_IN_JAVASCRIPT,
  ours,
  oursAndBefore,
} from "../peers/ours.ts";
import { RCLONE_ID, RCLONE_TRANSFERS, rclone } from "../peers/rclone.ts";
import { stage } from "../peers/stage.ts";
import { TESSERA_ID, tesseraMigrate } from "../peers/tessera.ts";
import { speedCharts } from "../report/chart.ts";
import { type Copies, copiesTable } from "../report/copies-table.ts";
import { copyTable, ratio, rowFigures } from "../report/figures.ts";
import { type Goal, goal, perSecond, times } from "../report/goals.ts";
import type { CopyTable, Table } from "../report/report.ts";
import { fastest, lineOf } from "../run/compare.ts";
import type { Candidate } from "../run/contender.ts";
import type { Bench, Suite } from "./suite.ts";

interface ShapeGoals {
  /** Id of the shape. */
  readonly shape: string;
  readonly words: string;
  /** Entries a second that are to be reached on two cores. */
  readonly leastSpeed: number;
  /** Wall time beside that of rclone, which checks nothing. */
  readonly mostOfRclone?: number;
}

const GOALS: readonly ShapeGoals[] = [
  { shape: "1000B", words: "entries of 1,000 B", leastSpeed: 500_000, mostOfRclone: 0.95 },
  { shape: "100B", words: "entries of 100 B", leastSpeed: 1_400_000, mostOfRclone: 0.75 },
  { shape: "static-ct", words: "Static CT with gzip", leastSpeed: 300_000 },
];

export const peers: Suite = {
  name: "peers",
  about: "Beside other programs that copy: over loopback, into memory",
  async run(bench) {
    const tables: Table[] = [];
    for (const shape of bench.profile.peers) tables.push(await peersTable(bench, shape));
    return tables;
  },
  goals: (tables) => GOALS.flatMap((goals) => goalsFor(tables, goals)),
  charts: speedCharts,
};

async function peersTable(bench: Bench, shape: LogShape): Promise<CopyTable> {
  const isStaticCt = shape.format === "static-ct";
  const copies: Copies = {
    id: tableId(shapeId(shape)),
    title: `${describeShape(shape)}, into memory`,
    shape,
    into: "memory",
    reference: OURS_ID,
    notes: () => notesOn(shape),
  };
  return await copiesTable(bench, copies, async ({ source, setting }) => {
    const line = (candidate: Candidate) => lineOf(candidate, source);
    const variants = [...(isStaticCt ? [OURS_DEEP] : []), OURS_FETCHING_TILES, OURS_IN_JAVASCRIPT];
    return [
      line(stage("fetch", "the server alone")),
      ...oursAndBefore(bench).map(line),
      ...variants.map((variant) => line(ours(bench.program, variant))),
      line(await tesseraMigrate(shape)),
      await fastest(setting, RCLONE_TRANSFERS.map(rclone).map(line)),
      line(cp()),
    ];
  });
}

function notesOn({ format }: LogShape): string[] {
  const shared =
    "The server alone: every bundle is fetched by as many threads and requests as ours, and dropped. " +
    "Program and server share the machine; the server's CPU time stands beside the program's.";
  const compressed = "MB/s are of the log as the source stores it: compressed.";
  const tessera =
    "Tessera's migrate runs with its defaults, and is capped by its own tick: once a second it integrates at most " +
    "300 bundles, 76,800 entries.";
  return format === "static-ct" ? [shared, compressed] : [shared, tessera];
}

function goalsFor(tables: readonly Table[], { shape, words, leastSpeed, mostOfRclone }: ShapeGoals): Goal[] {
  const table = copyTable(tables, tableId(shape));
  const [mine, rclones, tesseras] = [OURS_ID, RCLONE_ID, TESSERA_ID].map((id) => rowFigures(table, id));
  const speed = mine?.entriesPerSecond;
  const goals = [goal(`Speed into memory, ${words}`, speed, { atLeast: leastSpeed }, perSecond)];
  if (mostOfRclone === undefined) return goals;
  const besideRclone = ratio(mine?.wallSeconds, rclones?.wallSeconds);
  const besideTessera = ratio(speed, tesseras?.entriesPerSecond);
  const cpu = ratio(mine?.cpuMicrosecondsPerEntry, tesseras?.cpuMicrosecondsPerEntry);
  return [
    ...goals,
    goal(`Wall time beside rclone's, ${words}`, besideRclone, { atMost: mostOfRclone }, times),
    goal(`Speed beside Tessera's, ${words}`, besideTessera, { atLeast: 1 }, times),
    goal(`CPU time an entry beside Tessera's, ${words}`, cpu, { atMost: 1 }, times),
  ];
}

function tableId(shape: string): string {
  return `memory-${shape}`;
}
