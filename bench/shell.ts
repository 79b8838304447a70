/** Commands, and how a shell would be given them. */

import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** A program and its arguments, as given to execve(2). */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** Set in addition to the variables of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * A command in a shell's words, programs and files of this checkout without their directories.
 * @param names what is shown instead of a word.
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
