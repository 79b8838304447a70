/** What takes part in a comparison: a command that copies a log, and what it must leave behind. */

import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { BenchLog } from "../logs/logs.ts";
import type { Command } from "./measure.ts";

/** From where to where. */
export interface Task {
  /** Without a slash at its end. */
  readonly sourceUrl: string;
  readonly log: Pick<BenchLog, "directory" | "pathList" | "vkey" | "size" | "format" | "bytes">;
  /** A directory that is not there yet; its parent is. */
  readonly target: string;
  /** The authority that the source's certificate comes from, in PEM; undefined without TLS. */
  readonly caFile: string | undefined;
}

export interface Contender {
  /** The same in every table. */
  readonly id: string;
  readonly label: string;
  /** Whether it is the program that this is the benchmark of. */
  readonly isOurs?: boolean;
  /** How many of the rounds it takes part in; all unless told. */
  readonly rounds?: number;
  command(task: Task): Command;
  /** Words of the command that are shown by a name, as `$NAME`. */
  readonly names?: ReadonlyMap<string, string>;
  readonly leaves: Leavings;
  /** What it copies into, where that is no directory. */
  readonly place?: RunPlace;
  /** Judges what it printed. @throws Error if that says that something is wrong. */
  checkOutput?(stdout: string, task: Task): void;
}

/** Made anew for each run, and gone after it. */
export interface RunPlace {
  open(): Promise<void>;
  close(): Promise<void>;
  /** Processes whose CPU time is told beside that of the copy, while it is open. */
  readonly pids: readonly number[];
}

/** The files that must be in the target afterwards, as they are in the log. */
export interface Leavings {
  readonly paths: "all" | "tiles" | "none";
  /** Compressed objects of the source are stored as what they decompress to. */
  readonly decompressed: boolean;
}

/** A program that cannot take part. */
export interface Absent {
  readonly id: string;
  readonly label: string;
  readonly reason: string;
}

export type Candidate = Contender | Absent;

export function isAbsent(candidate: Candidate): candidate is Absent {
  return "reason" in candidate;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The command of a contender in a shell's words, with `$SOURCE`, `$TARGET` and the like for what differs. */
export function symbolicCommand(contender: Contender, { log, caFile }: Pick<Task, "log" | "caFile">): string {
  const command = contender.command({
    sourceUrl: "$SOURCE",
    log: { ...log, directory: "$LOG", pathList: "$PATHS", vkey: "$VKEY" },
    target: "$TARGET",
    caFile: caFile === undefined ? undefined : "$CA",
  });
  return shellWords(command, contender.names);
}

/**
 * A command in a shell's words, programs and files of this checkout without their directories.
 * @param names what is shown in the place of a word.
 */
export function shellWords(
  { file, args, env = {} }: Command,
  names: ReadonlyMap<string, string> = new Map(),
): string {
  const program = file === process.execPath ? "node" : basename(file);
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const words = [...variables, program, ...args];
  return words.map((word) => quoted(names.get(word) ?? word.replaceAll(ROOT, ""))).join(" ");
}

function quoted(word: string): string {
  return /^[\w$.,:/=+@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
