/** Next to other programs that copy, into memory: no disk is measured, only what the programs themselves take. */

import { describeShape, type LogShape, shapeId } from "../logs/shapes.ts";
import { cp } from "../peers/cp.ts";
import {
  OURS_DEEP,
  OURS_DISCARDING,
  OURS_FETCHING_TILES,
  OURS_ID,
  OURS_IN_JAVASCRIPT,
  ours,
  oursAndBefore,
} from "../peers/ours.ts";
import { fastestRclone, RCLONE_ID } from "../peers/rclone.ts";
import { SERVER_ALONE } from "../peers/server-alone.ts";
import { TESSERA_ID, tesseraMigrate } from "../peers/tessera.ts";
import { ratio, rowFigures } from "../report/figures.ts";
import { type Goal, goal } from "../report/goals.ts";
import { type CopyTable, copyTable, type Table } from "../report/report.ts";
import { type Candidate, entrantOf } from "../run/contender.ts";
import { type Bench, copiesTable, type Suite } from "./suite.ts";

interface ShapeGoals {
  /** Id of the shape. */
  readonly shape: string;
  readonly words: string;
  /** Entries a second that are to be reached on two cores. */
  readonly leastSpeed: number;
  /** Wall time next to that of rclone, which checks nothing. */
  readonly mostOfRclone?: number;
}

const GOALS: readonly ShapeGoals[] = [
  { shape: "1000B", words: "entries of 1,000 B", leastSpeed: 500_000, mostOfRclone: 0.95 },
  { shape: "100B", words: "entries of 100 B", leastSpeed: 1_400_000, mostOfRclone: 0.75 },
  { shape: "static-ct", words: "Static CT with gzip", leastSpeed: 300_000 },
];

const NOTES = [
  "The server alone: every bundle is fetched and dropped. Copy discarded: every bundle is fetched and hashed, and " +
    "nothing is written but the upper tiles. rclone fetches and writes, and hashes nothing.",
  "Program and server share the machine.",
];
const TESSERA_NOTE =
  "Tessera's migrate runs with its defaults, and is capped by its own tick: once a second it integrates at most " +
  "300 bundles, 76,800 entries.";
const STATIC_CT_NOTE = "MB/s are of the log as the source stores it: compressed.";

export const peers: Suite = {
  name: "peers",
  about: "Next to other programs that copy: over loopback, into memory",
  async run(bench) {
    const tables: Table[] = [];
    for (const shape of bench.profile.peers) tables.push(await peersTable(bench, shape));
    return tables;
  },
  goals: (tables) => GOALS.flatMap((goals) => goalsFor(tables, goals)),
};

async function peersTable(bench: Bench, shape: LogShape): Promise<CopyTable> {
  const isStaticCt = shape.format === "static-ct";
  const copies = {
    id: tableId(shapeId(shape)),
    title: `${describeShape(shape)}, into memory`,
    shape,
    into: "memory",
    reference: OURS_ID,
    notes: () => [...NOTES, isStaticCt ? STATIC_CT_NOTE : TESSERA_NOTE],
  } as const;
  const variants = [isStaticCt ? OURS_DEEP : OURS_DISCARDING, OURS_FETCHING_TILES, OURS_IN_JAVASCRIPT];
  return await copiesTable(bench, copies, async ({ source, setting }) => {
    const entrant = (candidate: Candidate) => entrantOf(candidate, source);
    return [
      entrant(SERVER_ALONE),
      ...oursAndBefore(bench).map(entrant),
      ...variants.map((variant) => entrant(ours(bench.program, variant))),
      entrant(await tesseraMigrate(shape)),
      await fastestRclone(setting, source),
      entrant(cp()),
    ];
  });
}

function goalsFor(tables: readonly Table[], { shape, words, leastSpeed, mostOfRclone }: ShapeGoals): Goal[] {
  const table = copyTable(tables, tableId(shape));
  const [mine, rclone, tessera] = [OURS_ID, RCLONE_ID, TESSERA_ID].map((id) => rowFigures(table, id));
  const speed = mine?.entriesPerSecond;
  const goals = [goal(`Speed into memory, ${words}`, speed, { atLeast: leastSpeed }, "entries/s")];
  if (mostOfRclone === undefined) return goals;
  const wall = ratio(mine?.wallSeconds, rclone?.wallSeconds);
  const faster = ratio(speed, tessera?.entriesPerSecond);
  const cpu = ratio(mine?.cpuMicrosecondsPerEntry, tessera?.cpuMicrosecondsPerEntry);
  return [
    ...goals,
    goal(`Wall time next to rclone's, ${words}`, wall, { atMost: mostOfRclone }, "×"),
    goal(`Speed next to Tessera's, ${words}`, faster, { atLeast: 1 }, "×"),
    goal(`CPU time an entry next to Tessera's, ${words}`, cpu, { atMost: 1 }, "×"),
  ];
}

function tableId(shape: string): string {
  return `memory-${shape}`;
}
