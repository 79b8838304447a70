/** What a benchmark run found: the one document that tables, page and charts are made from. */

import type { Machine } from "./machine.ts";
import type { Usage } from "./measure.ts";

export interface Report {
  readonly machine: Machine;
  /** Version of each program that took part, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly suites: readonly SuiteReport[];
}

/** The tables of one suite. */
export interface SuiteReport {
  readonly name: string;
  /** When it ended: ISO 8601. */
  readonly measuredAt: string;
  /** Version, commit and hasher of what was measured. */
  readonly ours: string;
  /** Sizes cut down for a look: no ground for claims. */
  readonly quick: boolean;
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

/**
 * A report in which the suites of `fresh` stand in the place of those of the same name, and all others are kept:
 * of runs on one machine. Suites that were measured on another are left out.
 */
export function mergeReports(before: Report, fresh: Report): Report {
  const { cpu, cores } = fresh.machine;
  if (before.machine.cpu !== cpu || before.machine.cores !== cores) return fresh;
  const measured = new Set(fresh.suites.map(({ name }) => name));
  const kept = before.suites.filter(({ name }) => !measured.has(name));
  return {
    ...fresh,
    versions: { ...before.versions, ...fresh.versions },
    suites: [...kept, ...fresh.suites],
  };
}
