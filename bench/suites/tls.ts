/** Beside rclone over TLS: loopback, no delay, into memory. */

import { describeShape } from "../logs/shapes.ts";
import { OURS_ID, oursAndBefore } from "../peers/ours.ts";
import { RCLONE_ID, RCLONE_TRANSFERS, rclone } from "../peers/rclone.ts";
import { speedCharts } from "../report/chart.ts";
import { type Copies, copiesTable } from "../report/copies-table.ts";
import { copyTable, ratio, rowFigures } from "../report/figures.ts";
import { goal, times } from "../report/goals.ts";
import { fastest, lineOf } from "../run/compare.ts";
import type { Suite } from "./suite.ts";

const TABLE_ID = "tls";

export const tls: Suite = {
  name: "tls",
  about: "Beside rclone over TLS: loopback, into memory",
  async run(bench) {
    const shape = bench.profile.tls;
    const copies: Copies = {
      id: TABLE_ID,
      title: `${describeShape(shape)}, over TLS, into memory`,
      shape,
      into: "memory",
      secure: true,
      reference: OURS_ID,
      notes: () => [],
    };
    const table = await copiesTable(bench, copies, async ({ source, setting }) => [
      ...oursAndBefore(bench).map((contender) => lineOf(contender, source)),
      await fastest(
        setting,
        RCLONE_TRANSFERS.map((transfers) => lineOf(rclone(transfers), source)),
      ),
    ]);
    return [table];
  },
  goals(tables) {
    const table = copyTable(tables, TABLE_ID);
    const walls = [OURS_ID, RCLONE_ID].map((id) => rowFigures(table, id)?.wallSeconds);
    return [goal("Wall time over TLS beside rclone's", ratio(walls[0], walls[1]), { atMost: 1 }, times)];
  },
  charts: speedCharts,
};
