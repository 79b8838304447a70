/** Onto a disk, everything durable when the program ends: next to cp -r and a sync of the file system. */

import { describeShape } from "../logs/shapes.ts";
import { CP_ID, durableCp } from "../peers/cp.ts";
import { OURS_FETCHING_TILES, OURS_ID, ours, oursAndBefore } from "../peers/ours.ts";
import { ratio, rowFigures } from "../report/figures.ts";
import { goal } from "../report/goals.ts";
import { copyTable } from "../report/report.ts";
import { entrantOf } from "../run/contender.ts";
import { copiesTable, type Suite } from "./suite.ts";

const TABLE_ID = "disk";
/** Wall time next to that of a plain copy that is made durable. */
const MOST_OF_CP = 1.3;
const NOTES = [
  "The file system was synced before each run; the source was served from memory.",
  "A program that writes without syncing cannot be compared: it ends before its copy is on the disk.",
];

export const disk: Suite = {
  name: "disk",
  about: "Onto a disk, with everything durable at the end",
  async run(bench) {
    const shape = bench.profile.disk;
    const title = `${describeShape(shape)}, onto a disk, durable`;
    const copies = {
      id: TABLE_ID,
      title,
      shape,
      into: "disk",
      reference: OURS_ID,
      notes: () => NOTES,
    } as const;
    const table = await copiesTable(bench, copies, async ({ source }) => {
      const mine = [...oursAndBefore(bench), ours(bench.program, OURS_FETCHING_TILES)];
      return [...mine, durableCp()].map((candidate) => entrantOf(candidate, source));
    });
    return [table];
  },
  goals(tables) {
    const table = copyTable(tables, TABLE_ID);
    const [mine, cp] = [OURS_ID, CP_ID].map((id) => rowFigures(table, id)?.wallSeconds);
    const text = "Wall time onto a disk next to cp -r and sync";
    return [goal(text, ratio(mine, cp), { atMost: MOST_OF_CP }, "×")];
  },
};
