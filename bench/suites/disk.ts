/** Onto a disk, everything durable when the program ends: beside cp -r and a sync of the file system. */

import { describeShape, shapeId } from "../logs/shapes.ts";
import { CP_ID, durableCp } from "../peers/cp.ts";
import { OURS_FETCHING_TILES, OURS_ID, ours, oursAndBefore } from "../peers/ours.ts";
import { speedCharts } from "../report/chart.ts";
import { type Copies, copiesTable } from "../report/copies-table.ts";
import { copyTable, ratio, rowFigures } from "../report/figures.ts";
import { goal, times } from "../report/goals.ts";
import type { CopyTable } from "../report/report.ts";
import { lineOf } from "../run/compare.ts";
import type { Bench, Suite } from "./suite.ts";

/** Wall time beside that of a plain copy that is made durable. */
const MOST_OF_CP = 1.3;
const NOTES = [
  "The file system was synced before each run; the source was served from memory.",
  "A program that writes without syncing is no match here: it ends before its copy is on the disk.",
];

export const disk: Suite = {
  name: "disk",
  about: "Onto a disk, with everything durable at the end",
  run: async (bench) => [await diskTable(bench)],
  goals(tables) {
    const table = copyTable(tables, tableId("1000B"));
    const walls = [OURS_ID, CP_ID].map((id) => rowFigures(table, id)?.wallSeconds);
    const text = "Wall time onto a disk beside cp -r and sync, entries of 1,000 B";
    return [goal(text, ratio(walls[0], walls[1]), { atMost: MOST_OF_CP }, times)];
  },
  charts: speedCharts,
};

async function diskTable(bench: Bench): Promise<CopyTable> {
  const shape = bench.profile.disk;
  const copies: Copies = {
    id: tableId(shapeId(shape)),
    title: `${describeShape(shape)}, onto a disk, durable`,
    shape,
    into: "disk",
    reference: OURS_ID,
    notes: () => NOTES,
  };
  const variants = [...oursAndBefore(bench), ours(bench.program, OURS_FETCHING_TILES)];
  return await copiesTable(bench, copies, async ({ source }) =>
    [...variants, durableCp()].map((candidate) => lineOf(candidate, source)),
  );
}

function tableId(shape: string): string {
  return `disk-${shape}`;
}
