/** What takes part in a comparison: a command that copies a log, and what it must leave behind. */

import type { BenchLog } from "../logs/logs.ts";
import type { MissingRow, Try } from "../report/report.ts";
import { type Command, shellWords } from "../shell.ts";

/** From where to where. */
export interface Task {
  /** Without a slash at its end. */
  readonly sourceUrl: string;
  readonly log: Pick<BenchLog, "directory" | "pathList" | "vkey" | "size" | "format" | "bytes">;
  /** A directory that does not exist yet; its parent does. */
  readonly target: string;
  /** The certificate that the source is to be trusted by, in PEM; undefined without TLS. */
  readonly caFile: string | undefined;
}

export interface Contender {
  /** Of its row: the same in every table. */
  readonly id: string;
  readonly label: string;
  /** Whether it is the program that this is the benchmark of. */
  readonly isOurs?: boolean;
  /** Name and version, of other programs. */
  readonly version?: string;
  /** How many of the rounds it takes part in; default: all. */
  readonly rounds?: number;
  command(task: Task): Command;
  /** Words of the command that are shown by a name, as `$NAME`. */
  readonly names?: ReadonlyMap<string, string>;
  /** The files that must be in the target afterwards, as they are in the log; default: none. */
  readonly leaves?: "all" | "tiles";
  /** Compressed objects of the source are stored as what they decompress to; default: false. */
  readonly decompresses?: boolean;
  /** What it copies into, if that is not a directory. */
  readonly place?: RunPlace;
  /** Checks what it printed. @throws Error if that says that something is wrong. */
  checkOutput?(stdout: string, task: Task): void;
}

/** Recreated for each run, and removed after it. */
export interface RunPlace {
  open(task: Task): Promise<void>;
  close(): Promise<void>;
  /** Processes whose CPU time is reported with that of the source's server, while it is open. */
  readonly pids: readonly number[];
  /** Where the copy is in files, while it is open; undefined where it is not. */
  readonly objectsDirectory: string | undefined;
}

/** A program that takes part, or cannot. */
export type Candidate = Contender | MissingRow;

/** A log and where it is served. */
export interface Source {
  readonly log: BenchLog;
  readonly url: string;
  /** Processes that serve it, whose CPU time is reported. */
  readonly servers: readonly number[];
  /** The certificate that it is to be trusted by, if it is served with TLS. */
  readonly caFile?: string;
}

/** A row of a table before it is measured: who copies from where. */
export interface Entrant extends Contender {
  readonly source: Source;
  /** How its setting was found. */
  readonly tries?: readonly Try[];
}

export function entrantOf(candidate: Candidate, source: Source): Entrant | MissingRow {
  return "state" in candidate ? candidate : { ...candidate, source };
}

export function skipped({ id, label }: Pick<Contender, "id" | "label">, reason: string): MissingRow {
  return { state: "skipped", id, label, reason };
}

/** The command of an entrant in a shell's words, with `$SOURCE`, `$TARGET` and the like for what differs. */
export function symbolicCommand(contender: Contender, { log, caFile }: Pick<Task, "log" | "caFile">): string {
  const command = contender.command({
    sourceUrl: "$SOURCE",
    log: { ...log, directory: "$LOG", pathList: "$PATHS", vkey: "$VKEY" },
    target: "$TARGET",
    caFile: caFile === undefined ? undefined : "$CA",
  });
  return shellWords(command, contender.names);
}
