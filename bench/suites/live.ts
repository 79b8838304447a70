/** Live moves: how far a copy is behind a log that grows, how long the switch takes, and what `plan` says before. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { MariaDb, mariaDbProgram } from "../../test/support/go/mariadb.ts";
import { aws } from "../clouds/aws.ts";
import { BenchCloud } from "../clouds/cloud.ts";
import { GOOGLE } from "../clouds/google.ts";
import { percentile } from "../live/lag.ts";
import { ENTRIES_PER_SECOND, type MoveTarget, moveLive } from "../live/move.ts";
import { planAndCopy } from "../live/plan.ts";
import { describeShape, targetBytes } from "../logs/shapes.ts";
import { goal } from "../report/goals.ts";
import { columnValues, type FigureRow, type FigureTable } from "../report/report.ts";
import { requireSpace } from "../run/places.ts";
import { requireGo } from "./object-store.ts";
import { type Bench, type Suite, serveLog } from "./suite.ts";

const [MOVES_ID, PLANS_ID] = ["live", "plans"];
const [MOST_LAG, MOST_CUTOVER, MOST_PLAN_FACTOR] = [2, 10, 2];
/** Bytes of memory that a generated log takes for each of its small entries, at both ends. */
const BYTES_AN_ENTRY = 110;

export const live: Suite = {
  name: "live",
  about: "Live moves: lag behind a log that grows, the time of a cutover, and plan's estimates",
  async run(bench) {
    requireGo();
    await using places = new AsyncDisposableStack();
    const kinds = await targetKinds(bench, places);
    return [await movesTable(bench, kinds), await plansTable(bench, kinds)];
  },
  goals(tables) {
    const worst = (table: string, column: string, isWanted?: (row: FigureRow) => boolean) => {
      const values = columnValues(tables, table, column, isWanted);
      return values.length === 0 ? undefined : Math.max(...values);
    };
    const isKilled = ({ values: { kills } }: FigureRow) => kills !== 0;
    const lag = "Lag behind a log that grows by 200 entries/s, p99 of the worst";
    const isUndisturbed = (row: FigureRow) => !isKilled(row);
    const bound = { atMost: MOST_LAG };
    return [
      goal(lag, worst(MOVES_ID, "seen-p99", isUndisturbed), bound, "s"),
      goal(`${lag}, killed again and again`, worst(MOVES_ID, "seen-p99", isKilled), bound, "s"),
      goal(
        "From the request of a cutover to the handover, the slowest",
        worst(MOVES_ID, "cutover"),
        { atMost: MOST_CUTOVER },
        "s",
      ),
      goal(
        "Time of a copy and plan's estimate of it, the larger divided by the smaller",
        worst(PLANS_ID, "factor"),
        { atMost: MOST_PLAN_FACTOR },
        "×",
      ),
    ];
  },
};

interface TargetKind {
  readonly id: string;
  readonly label: string;
  /** An empty target. */
  open(): Promise<MoveTarget & { close(): Promise<void> }>;
}

async function targetKinds(bench: Bench, places: AsyncDisposableStack): Promise<TargetKind[]> {
  const kinds = [directoryKind(bench), cloudKind("gcs", "Cloud Storage and Spanner", GOOGLE)];
  if (mariaDbProgram("mariadbd") === undefined) {
    bench.say("live: MariaDB is not installed, S3 is left out");
    return kinds;
  }
  const sql = places.use(await MariaDb.start(null));
  return [...kinds, cloudKind("s3", "S3 and MySQL", aws(sql))];
}

function directoryKind({ scratch }: Bench): TargetKind {
  return {
    id: "directory",
    label: "directory",
    async open() {
      const dir = join(scratch.directory, "live-target");
      const close = async () => rmSync(dir, { recursive: true, force: true });
      return { target: dir, stateOptions: [], env: {}, logHome: { dir }, close };
    },
  };
}

function cloudKind(id: string, label: string, kind: ConstructorParameters<typeof BenchCloud>[0]): TargetKind {
  return {
    id,
    label,
    async open() {
      const cloud = new BenchCloud(kind);
      await cloud.open();
      return { ...cloud.home, close: () => cloud.close() };
    },
  };
}

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
    id: MOVES_ID,
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

async function plansTable(bench: Bench, kinds: readonly TargetKind[]): Promise<FigureTable> {
  const { planned } = bench.profile.live;
  const [log] = await bench.logs.get([planned], targetBytes(planned));
  if (log === undefined) throw new Error("no log was made");
  await using servers = new AsyncDisposableStack();
  const source = await serveLog(bench, log, servers);
  const rows: FigureRow[] = [];
  for (const { id, label, open } of kinds) {
    const target = await open();
    try {
      const values = await planAndCopy(bench.program, source, target);
      bench.say(
        `plan of a copy into ${label}: ${values.planned.toFixed(2)} s, it took ${values.took.toFixed(2)} s`,
      );
      rows.push({ id, label, values: { ...values } });
    } finally {
      await target.close();
    }
  }
  return {
    kind: "figures",
    id: PLANS_ID,
    title: `What plan says of a copy of ${describeShape(planned)}, and what it takes`,
    notes: [],
    columns: [
      { id: "planned", head: "planned", unit: "s" },
      { id: "took", head: "took", unit: "s" },
      { id: "factor", head: "factor", unit: "×" },
      { id: "planned-bytes", head: "planned", unit: "MB" },
      { id: "stored-bytes", head: "stored", unit: "MB" },
    ],
    rows,
  };
}
