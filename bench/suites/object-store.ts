/** Into an object store of a cloud, emulated on this machine: next to other programs, and from far away. */

import { goAvailable } from "../../test/support/go/programs.ts";
import { BenchCloud, type CloudKind } from "../clouds/cloud.ts";
import { describeShape } from "../logs/shapes.ts";
import { BEFORE_ID, knowsTarget, OURS_ID, oursToCloud } from "../peers/ours.ts";
import { TESSERA_ID, tesseraToCloud } from "../peers/tessera.ts";
import { UPLOADS_ID, uploadsAlone } from "../peers/uploads-alone.ts";
import { type BestConcurrency, ROUND_TRIPS_MS } from "../profile.ts";
import { type Figures, ratio, rowFigures } from "../report/figures.ts";
import { type CopyTable, copyTable, type MissingRow, type Table, type TimeTable } from "../report/report.ts";
import { type Entrant, entrantOf } from "../run/contender.ts";
import { SkipError } from "../run/places.ts";
import { startUpTable } from "./start-up.ts";
import { type Bench, bestConcurrency, type CopySetting, copiesTable } from "./suite.ts";

/** What is copied into, and who else can. */
export interface ObjectStore {
  /** Of the suite and the table, and the scheme of such targets. */
  readonly id: string;
  readonly scheme: string;
  /** In titles and goals: "Google's cloud, emulated". */
  readonly title: string;
  /** Tessera's tool for it. */
  readonly tessera: "gcp" | "aws";
  /** What emulates the cloud here, in a sentence or two. */
  readonly emulated: string;
}

/** Figures of the rows that goals are about. */
export interface StoreFigures {
  readonly mine: Figures | undefined;
  /** Entries a second of ours, divided by those of Tessera's tool and of uploads alone. */
  readonly ofTessera: number | undefined;
  readonly ofUploads: number | undefined;
  /** At 20 ms of round trip, divided by those at 0 ms. */
  readonly ofNear: number | undefined;
}

const DELAYED = "The object store is behind a proxy that delays both directions by half of the round trip.";

/** @throws SkipError if programs that emulate a cloud cannot be built. */
export function requireGo(): void {
  if (!goAvailable()) throw new SkipError("Go is not installed");
}

/** Next to an earlier build, Tessera's own tool, uploads alone, and `others`. */
export async function nearTable(
  bench: Bench,
  { id, scheme, title, tessera, emulated }: ObjectStore,
  kind: CloudKind,
  { log: shape, concurrencies }: BestConcurrency,
  others: (copySetting: CopySetting) => Promise<readonly (Entrant | MissingRow)[]> = async () => [],
): Promise<CopyTable> {
  const { program, before } = bench;
  const [cloud, tesseraCloud, otherCloud] = [1, 2, 3].map(() => new BenchCloud(kind)) as [
    BenchCloud,
    BenchCloud,
    BenchCloud,
  ];
  const notes = () => [
    emulated,
    `Calls of the last run: ours ${cloud.lastCalls}; Tessera's ${tesseraCloud.lastCalls}.`,
  ];
  const copies = {
    id,
    title: `${describeShape(shape)}, into ${title}`,
    shape,
    into: "cloud",
    reference: OURS_ID,
    notes,
  } as const;
  return await copiesTable(bench, copies, async (copySetting) => {
    const { setting, source } = copySetting;
    const builds = [oursToCloud(program, cloud, { id: OURS_ID, label: "tlog-migrate" })];
    if (before !== undefined && knowsTarget(before, scheme)) {
      builds.push(oursToCloud(before, otherCloud, { id: BEFORE_ID, label: "before: an earlier build" }));
    }
    const lines: (Entrant | MissingRow)[] = [];
    for (const build of builds) lines.push(await bestConcurrency(setting, source, concurrencies, build));
    lines.push(...(await others(copySetting)));
    const last = [await tesseraToCloud(tesseraCloud, tessera), uploadsAlone(otherCloud)];
    return [...lines, ...last.map((candidate) => entrantOf(candidate, source))];
  });
}

/** Ours, at several distances. */
export async function farTable(
  bench: Bench,
  { id, title, emulated }: ObjectStore,
  kind: CloudKind,
  { log: shape, concurrencies }: BestConcurrency,
): Promise<CopyTable> {
  const copies = {
    id: farId(id),
    title: `${describeShape(shape)}, into ${title}, far away`,
    shape,
    into: "cloud",
    reference: rowId(id, 0),
    notes: () => [emulated, DELAYED],
  } as const;
  return await copiesTable(bench, copies, async ({ setting, source }) => {
    const lines: (Entrant | MissingRow)[] = [];
    for (const roundTripMs of ROUND_TRIPS_MS) {
      const row = { id: rowId(id, roundTripMs), label: `${roundTripMs} ms` };
      const far = oursToCloud(bench.program, new BenchCloud(kind, roundTripMs), row);
      lines.push(await bestConcurrency(setting, source, concurrencies, far));
    }
    return lines;
  });
}

/** How long a copy into it takes to start. */
export async function storeStartUps(
  bench: Bench,
  { id, title }: ObjectStore,
  kind: CloudKind,
): Promise<TimeTable> {
  const cloud = new BenchCloud(kind);
  return await startUpTable(bench, {
    id: startUpId(id),
    title: `Time to the first request for a bundle, into ${title}`,
    async target() {
      await cloud.close();
      await cloud.open();
      const { target, stateOptions, env } = cloud.home;
      return { args: [target, ...stateOptions], env };
    },
  }).finally(() => cloud.close());
}

/** What the tables of a store say. */
export function storeFigures(tables: readonly Table[], id: string): StoreFigures {
  const [near, far] = [id, farId(id)].map((table) => copyTable(tables, table));
  const [mine, tessera, uploads] = [OURS_ID, TESSERA_ID, UPLOADS_ID].map((row) => rowFigures(near, row));
  const [at0, at20] = [0, 20].map((roundTripMs) => rowFigures(far, rowId(id, roundTripMs)));
  const speed = (figures: Figures | undefined) => figures?.entriesPerSecond;
  return {
    mine,
    ofTessera: ratio(speed(mine), speed(tessera)),
    ofUploads: ratio(speed(mine), speed(uploads)),
    ofNear: ratio(speed(at20), speed(at0)),
  };
}

export function startUpId(id: string): string {
  return `${id}-start-up`;
}

function farId(id: string): string {
  return `${id}-distance`;
}

function rowId(id: string, roundTripMs: number): string {
  return `${id}-${roundTripMs}ms`;
}
