/** Next to rclone over TLS: loopback, no delay, into memory. */

import { describeShape } from "../logs/shapes.ts";
import { OURS_ID, oursAndBefore } from "../peers/ours.ts";
import { fastestRclone, RCLONE_ID } from "../peers/rclone.ts";
import { ratio, rowFigures } from "../report/figures.ts";
import { goal } from "../report/goals.ts";
import { copyTable } from "../report/report.ts";
import { entrantOf } from "../run/contender.ts";
import { copiesTable, type Suite } from "./suite.ts";

const TABLE_ID = "tls";

export const tls: Suite = {
  name: "tls",
  about: "Next to rclone over TLS: loopback, into memory",
  async run(bench) {
    const shape = bench.profile.tls;
    const title = `${describeShape(shape)}, over TLS, into memory`;
    const copies = { id: TABLE_ID, title, shape, into: "memory", secure: true, reference: OURS_ID } as const;
    const table = await copiesTable(bench, copies, async ({ source, setting }) => [
      ...oursAndBefore(bench).map((contender) => entrantOf(contender, source)),
      await fastestRclone(setting, source),
    ]);
    return [table];
  },
  goals(tables) {
    const table = copyTable(tables, TABLE_ID);
    const [mine, rclone] = [OURS_ID, RCLONE_ID].map((id) => rowFigures(table, id)?.wallSeconds);
    return [goal("Wall time over TLS next to rclone's", ratio(mine, rclone), { atMost: 1 }, "×")];
  },
};
