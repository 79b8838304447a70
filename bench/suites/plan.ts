/** What `plan` says of a copy, and what the copy takes then. */

import { targetKinds } from "../clouds/target-kinds.ts";
import { planAndCopy } from "../live/plan.ts";
import { describeShape, targetBytes } from "../logs/shapes.ts";
import { goal, worst } from "../report/goals.ts";
import type { FigureRow } from "../report/report.ts";
import { requireGo } from "./object-store.ts";
import { type Suite, serveLog } from "./suite.ts";

const ID = "plan";
const MOST_FACTOR = 2;

export const plan: Suite = {
  name: "plan",
  about: "What plan says of a copy, and what the copy takes",
  async run(bench) {
    requireGo();
    const { planned } = bench.profile;
    await using servers = new AsyncDisposableStack();
    const [log] = await bench.logs.get([planned], targetBytes(planned));
    if (log === undefined) throw new Error("no log was made");
    const source = await serveLog(bench, log, servers);
    const rows: FigureRow[] = [];
    for (const { id, label, open } of await targetKinds(bench, servers)) {
      for (let round = 1; round <= bench.profile.rounds; round++) {
        const target = await open();
        try {
          const values = await planAndCopy(bench.program, source, target);
          bench.say(`${label}: ${values.planned.toFixed(2)} s planned, ${values.took.toFixed(2)} s taken`);
          rows.push({ id: `${id}-${round}`, label: `${label}, round ${round}`, values: { ...values } });
        } finally {
          await target.close();
        }
      }
    }
    const columns = [
      { id: "planned", head: "planned", unit: "s" },
      { id: "took", head: "took", unit: "s" },
      { id: "factor", head: "factor", unit: "×" },
      { id: "planned-bytes", head: "planned", unit: "MB" },
      { id: "stored-bytes", head: "stored", unit: "MB" },
    ] as const;
    return [{ kind: "figures", id: ID, title: describeShape(planned), notes: [], columns, rows }];
  },
  goals(tables) {
    const text = "Time that plan says and that of the copy, the larger divided by the smaller";
    return [goal(text, worst(tables, ID, "factor"), { atMost: MOST_FACTOR }, "×")];
  },
};
