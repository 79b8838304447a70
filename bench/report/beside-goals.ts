/** The goals beside an earlier build, of every table in which one took part: neither slower nor larger. */

import { BEFORE } from "../peers/ours.ts";
import { ratio, rowFigures } from "./figures.ts";
import { type Goal, goal, times } from "./goals.ts";
import type { CopyTable, MeasuredRow, Table } from "./report.ts";
import { median } from "./statistics.ts";

const MOST_OF_BEFORE = 1.1;

export function besideGoals(tables: readonly Table[]): Goal[] {
  return tables.flatMap((table) =>
    table.kind === "copies" && table.rows.some(({ id }) => id === BEFORE.id) ? tableGoals(table) : [],
  );
}

function tableGoals(table: CopyTable): Goal[] {
  const { title, reference = "" } = table;
  const [now, before] = [reference, BEFORE.id].map((id) => rowFigures(table, id)?.peakRssBytes);
  const bound = { atMost: MOST_OF_BEFORE };
  return [
    goal(`Wall time beside the earlier build's, round by round: ${title}`, wallRatio(table), bound, times),
    goal(`Peak memory beside the earlier build's: ${title}`, ratio(now, before), bound, times),
  ];
}

/** The median of the rounds' quotients: what disturbs a machine for longer than a round disturbs both. */
function wallRatio({ rows, reference }: CopyTable): number | undefined {
  const [now, before] = [reference, BEFORE.id].map((id) =>
    rows.find((row): row is MeasuredRow => row.id === id && row.state === "measured"),
  );
  if (now === undefined || before === undefined) return undefined;
  const quotients = now.runs
    .map(({ wallSeconds }, round) => ratio(wallSeconds, before.runs[round]?.wallSeconds))
    .filter((quotient) => quotient !== undefined);
  return quotients.length === 0 ? undefined : median(quotients);
}
