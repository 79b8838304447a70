/** Live moves: how far a copy is behind a log that grows, and how long the switch takes. */

import { join } from "node:path";
import { type TargetKind, targetKinds } from "../clouds/target-kinds.ts";
import { percentile } from "../live/lag.ts";
import { ENTRIES_PER_SECOND, moveLive } from "../live/move.ts";
import { goal, worst } from "../report/goals.ts";
import type { FigureRow, FigureTable } from "../report/report.ts";
import { requireSpace } from "../run/places.ts";
import { requireGo } from "./object-store.ts";
import type { Bench, Suite } from "./suite.ts";

const ID = "live";
const [MOST_LAG, MOST_CUTOVER] = [2, 10];
/** Bytes of memory that a generated log takes for each of its small entries, at both ends. */
const BYTES_AN_ENTRY = 110;

export const live: Suite = {
  name: "live",
  about: "Live moves: lag behind a log that grows, and the time of a cutover",
  async run(bench) {
    requireGo();
    await using servers = new AsyncDisposableStack();
    return [await movesTable(bench, await targetKinds(bench, servers))];
  },
  goals(tables) {
    const isKilled = ({ values: { kills } }: FigureRow) => kills !== 0;
    const lag = "Lag behind a log that grows by 200 entries/s, p99 of the worst";
    const isUndisturbed = (row: FigureRow) => !isKilled(row);
    const bound = { atMost: MOST_LAG };
    return [
      goal(lag, worst(tables, ID, "seen-p99", isUndisturbed), bound, "s"),
      goal(`${lag}, killed again and again`, worst(tables, ID, "seen-p99", isKilled), bound, "s"),
      goal(
        "From the request of a cutover to the handover, the slowest",
        worst(tables, ID, "cutover"),
        { atMost: MOST_CUTOVER },
        "s",
      ),
    ];
  },
};

async function movesTable(bench: Bench, kinds: readonly TargetKind[]): Promise<FigureTable> {
  const { seconds, before, kills } = bench.profile.live;
  const count = before.toLocaleString("en");
  const variants = [
    { id: "empty", label: "an empty log", before: 0, kills: 0 },
    { id: "grown", label: `${count} entries before`, before, kills: 0 },
    { id: "killed", label: `the same, killed ${kills} times`, before, kills },
  ];
  requireSpace(bench.scratch, before * BYTES_AN_ENTRY, "--scratch");
  const rows: FigureRow[] = [];
  for (const kind of kinds) {
    for (const variant of variants) rows.push(await moveRow(bench, kind, variant));
  }
  return {
    kind: "figures",
    id: ID,
    title: `A log that Tessera's Appender adds ${ENTRIES_PER_SECOND} entries/s to, followed for ${seconds} s, then cut over`,
    notes: [
      "Lag is sampled every tenth of a second: for how long the oldest checkpoint that the target lacks has been published, as somebody else sees it;",
      "lag as said is the program's metric, since it knows of what it lacks. It looks at the source every second.",
      "The cutover is the time of `cutover --wait`, with the settle time of 5 s, once the writer has stopped.",
      "After each move Tessera's Appender adds 300 entries at the right index in the target, and Tessera's fsck passes.",
      "A `follow` that is killed, by SIGKILL at random moments, is started again at once. Everything runs on the same cores.",
    ],
    columns: [
      { id: "kills", head: "kills", unit: "" },
      { id: "seen-p50", head: "lag p50", unit: "s" },
      { id: "seen-p99", head: "p99", unit: "s" },
      { id: "seen-max", head: "max", unit: "s" },
      { id: "said-p50", head: "as said p50", unit: "s" },
      { id: "said-p99", head: "p99", unit: "s" },
      { id: "said-max", head: "max", unit: "s" },
      { id: "cutover", head: "cutover", unit: "s" },
      { id: "size", head: "entries at the end", unit: "" },
    ],
    rows,
  };
}

async function moveRow(
  bench: Bench,
  kind: TargetKind,
  variant: { readonly id: string; readonly label: string; readonly before: number; readonly kills: number },
): Promise<FigureRow> {
  const { program, profile, scratch, say } = bench;
  const { before, kills } = variant;
  const target = await kind.open();
  try {
    const directory = join(scratch.directory, "live-source");
    const { seconds } = profile.live;
    const seed = `${kind.id} ${variant.id}`;
    const found = await moveLive({ program, directory, target, before, seconds, kills, seed });
    const { lag, cutoverSeconds: cutover, size } = found;
    const shares = [["p50", 0.5] as const, ["p99", 0.99] as const, ["max", 1] as const];
    const lags = (["seen", "said"] as const).flatMap((name) =>
      shares.map(([word, share]) => [`${name}-${word}`, percentile(lag[name], share)]),
    );
    const values = { kills, ...Object.fromEntries(lags), cutover, size };
    const label = `${kind.label}, ${variant.label}`;
    say(`${label}: lag p99 ${values["seen-p99"].toFixed(2)} s, cutover ${cutover.toFixed(2)} s`);
    return { id: `${kind.id}-${variant.id}`, label, values };
  } finally {
    await target.close();
  }
}
