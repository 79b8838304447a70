/** A part of the benchmark: one question, asked of one machine. */

import type { BenchLog, LogStore } from "../logs/logs.ts";
import type { Profile } from "../profile.ts";
import type { ChartSpec } from "../report/chart.ts";
import type { Goal } from "../report/goals.ts";
import type { CopyTable, Table } from "../report/report.ts";
import type { Setting, Source } from "../run/compare.ts";
import { NoRoom, type Place } from "../run/places.ts";
import { startLogServer } from "../servers/log-server.ts";
import type { TlsFiles } from "../servers/tls.ts";

export interface Suite {
  /** As in `--suite`. */
  readonly name: string;
  /** What it answers, in a sentence. */
  readonly about: string;
  run(bench: Bench): Promise<Table[]>;
  /** What its tables say about the project's goals. */
  goals(tables: readonly Table[]): Goal[];
  charts(tables: readonly Table[]): ChartSpec[];
}

/** What a suite works with. */
export interface Bench {
  readonly profile: Profile;
  readonly logs: LogStore;
  /** In memory, if the machine has a tmpfs. */
  readonly scratch: Place;
  readonly disk: Place;
  /** The compiled program that is measured. */
  readonly program: string;
  /** An earlier build that is measured in the same rounds. */
  readonly before: string | undefined;
  readonly signal: AbortSignal;
  /** Tells of progress. */
  say(line: string): void;
  /** Takes note of a program that takes part, and is no row of a table. */
  noteVersion(name: string, version: string): void;
}

/** A comparison of as many rounds as the profile has. @param name of it, for the progress. */
export function settingOf(bench: Bench, name: string, into: Place): Setting {
  return { ...bench, name, into, rounds: bench.profile.rounds };
}

/** Serves a log until the stack is disposed of. */
export async function serveLog(
  bench: Bench,
  log: BenchLog,
  servers: AsyncDisposableStack,
  tls?: TlsFiles,
): Promise<Source> {
  const server = await startLogServer(log.directory, { gzip: log.format === "static-ct", tls });
  servers.defer(server.close);
  bench.noteVersion("Server", server.kind);
  const source = { log, url: server.url, servers: [server.pid] };
  return tls === undefined ? source : { ...source, caFile: tls.caFile };
}

/** The table that `make` gives, or one that says what there is no room for. */
export async function orNoRoom(
  head: Pick<CopyTable, "id" | "title">,
  make: () => Promise<CopyTable>,
): Promise<CopyTable> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof NoRoom)) throw error;
    const row = { state: "skipped", id: "all", label: "all of it", reason: error.message } as const;
    return { kind: "copies", ...head, notes: [], rows: [row] };
  }
}
