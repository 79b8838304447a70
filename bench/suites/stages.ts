/** Where the time of a copy goes: its stages alone, and all of them. */

import { describeShape } from "../logs/shapes.ts";
import { OURS, ours } from "../peers/ours.ts";
import { stage } from "../peers/stage.ts";
import { type Copies, copiesTable } from "../report/copies-table.ts";
import type { CopyTable } from "../report/report.ts";
import { lineOf } from "../run/compare.ts";
import type { Bench, Suite } from "./suite.ts";

const TABLE_ID = "stages";

export const stages: Suite = {
  name: "stages",
  about: "Where the time goes: fetch, fetch and hash, fetch and write, all of it",
  run: async (bench) => [await stagesTable(bench)],
  goals: () => [],
  charts: () => [],
};

async function stagesTable(bench: Bench): Promise<CopyTable> {
  const shape = bench.profile.stages;
  const copies: Copies = {
    id: TABLE_ID,
    title: `${describeShape(shape)}, stages of a copy into memory`,
    shape,
    into: "memory",
    reference: OURS.id,
    notes: () => [],
  };
  const contenders = [
    stage("fetch", "fetch"),
    stage("fetch+hash", "fetch + hash"),
    stage("fetch+write", "fetch + write"),
    { ...ours(bench.program, OURS), label: "all: tlog-migrate" },
  ];
  return await copiesTable(bench, copies, async ({ source }) =>
    contenders.map((contender) => lineOf(contender, source)),
  );
}
