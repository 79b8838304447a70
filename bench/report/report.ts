/** What a benchmark run found: the one document that tables, page and charts are made from. */

import type { Extent } from "../profile.ts";
import { type Machine, machineFacts } from "../run/machine.ts";
import type { Usage } from "../run/measure.ts";

export interface Report {
  readonly machine: Machine;
  readonly suites: readonly SuiteReport[];
}

export type Versions = Readonly<Record<string, string>>;

/** The tables of one suite. */
export interface SuiteReport {
  readonly name: string;
  /** When it ended: ISO 8601. */
  readonly measuredAt: string;
  /** Version, commit and hasher of what was measured. */
  readonly ours: string;
  /** Version of each other program that took part, by name. */
  readonly versions: Versions;
  readonly extent: Extent;
  readonly tables: readonly Table[];
}

export type Table = CopyTable | TimeTable;

interface TableHead {
  readonly id: string;
  readonly title: string;
  /** What a reader must know to judge the figures, a sentence each. */
  readonly notes: readonly string[];
}

/** Whole runs of programs that copy a log. */
export interface CopyTable extends TableHead {
  readonly kind: "copies";
  /** The row whose speed is 1.00; without it speeds are not compared. */
  readonly reference?: string;
  readonly rows: readonly Row[];
}

/** How long something took, again and again. */
export interface TimeTable extends TableHead {
  readonly kind: "times";
  readonly rows: readonly {
    readonly id: string;
    readonly label: string;
    readonly milliseconds: readonly number[];
  }[];
}

export type Row = MeasuredRow | MissingRow;

export interface MeasuredRow {
  readonly state: "measured";
  readonly id: string;
  readonly label: string;
  /** Whether it is a run of the program that this is the benchmark of. */
  readonly isOurs: boolean;
  /** What made the log, and what was run, in a shell's words; `$NAMES` stand for what differs. */
  readonly made: string;
  readonly command: string;
  /** Entries that each run copied; 0 where a run copies none. */
  readonly entries: number;
  /** Bytes of these as the source stores them. */
  readonly bytes: number;
  readonly runs: readonly Run[];
  /** Settings tried before, once each, of which the fastest was taken. */
  readonly tries: readonly Try[];
}

/** Something that took no part, or did and failed. */
export interface MissingRow {
  readonly state: "skipped" | "failed";
  readonly id: string;
  readonly label: string;
  readonly reason: string;
}

export interface Run extends Usage {
  /** CPU seconds of the source's server meanwhile; undefined where there is none or the system does not tell. */
  readonly serverCpuSeconds: number | undefined;
}

export interface Try {
  readonly label: string;
  readonly wallSeconds: number;
}

/** The versions of all programs that took part in any suite. */
export function versionsOf({ suites }: Pick<Report, "suites">): Versions {
  return Object.assign({}, ...suites.map(({ versions }) => versions));
}

/** A suite that was measured earlier, and why it cannot stand beside what was measured now. */
export interface DroppedSuite {
  readonly name: string;
  readonly reason: string;
}

/**
 * A report in which the suites of `fresh` stand in the place of those of the same name. All others are kept that
 * were measured on this machine as it is now, and with the same versions of programs that are in both.
 */
export function mergeReports(
  before: Report,
  fresh: Report,
): { readonly report: Report; readonly dropped: readonly DroppedSuite[] } {
  const measured = new Set(fresh.suites.map(({ name }) => name));
  const facts = [before, fresh].map(({ machine }) => machineFacts(machine));
  const versions = versionsOf(fresh);
  const kept: SuiteReport[] = [];
  const dropped: DroppedSuite[] = [];
  for (const suite of before.suites.filter(({ name }) => !measured.has(name))) {
    const reason = difference(facts[0], facts[1]) ?? difference(suite.versions, versions);
    if (reason === undefined) kept.push(suite);
    else dropped.push({ name: suite.name, reason });
  }
  return { report: { ...fresh, suites: [...kept, ...fresh.suites] }, dropped };
}

/** The first fact that is told twice and not the same; undefined if there is none. */
function difference(before: Versions = {}, now: Versions = {}): string | undefined {
  const name = Object.keys(before).find((key) => now[key] !== undefined && now[key] !== before[key]);
  return name === undefined ? undefined : `${name} was ${before[name]} and is ${now[name]}`;
}
