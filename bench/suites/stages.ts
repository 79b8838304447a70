/** Where the time of a copy goes: its stages alone, and all of them. */

import { compare, lineOf, type Setting } from "../compare.ts";
import { OURS, ours } from "../peers/ours.ts";
import { stage } from "../peers/stage.ts";
import type { CopyTable } from "../report.ts";
import { describeShape, targetBytes } from "../shapes.ts";
import { type Bench, orNoRoom, type Suite, serveLog } from "../suite.ts";

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
  const head = { id: TABLE_ID, title: `${describeShape(shape)}, stages of a copy into memory` };
  return await orNoRoom(head, async () => {
    const log = await bench.logs.get(shape, targetBytes(shape));
    const setting: Setting = {
      ...bench,
      name: head.title,
      into: bench.scratch,
      rounds: bench.profile.rounds,
    };
    await using servers = new AsyncDisposableStack();
    const source = await serveLog(bench, log, servers);
    const contenders = [
      stage("fetch", "fetch"),
      stage("fetch+hash", "fetch + hash"),
      stage("fetch+write", "fetch + write"),
      { ...ours(bench.program, OURS), label: "all: tlog-migrate" },
    ];
    const rows = await compare(
      setting,
      contenders.map((contender) => lineOf(contender, source)),
    );
    return { kind: "copies", ...head, notes: [], reference: OURS.id, rows };
  });
}
