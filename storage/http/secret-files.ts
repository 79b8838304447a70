/** Reads files with secrets for the source: safer than arguments, which every process of the machine can see. */

import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { systemErrorWords, UsageError } from "../../lib/errors.ts";

/** Reports something that does not stop the run. */
export type Warn = (sentence: string) => void;

/** The value of `--netrc` without a file. */
export const DEFAULT_NETRC = "~/.netrc";

const OTHERS_MAY_READ = 0o004;

/** The text of a file. @throws UsageError */
export function fileText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const problem = `cannot be read: ${systemErrorWords(error)}`;
    throw new UsageError({ object: path, problem }, { cause: error });
  }
}

/** The text of a file that nobody else should be able to read. @throws UsageError */
export function secretText(path: string, warn: Warn = () => {}): string {
  const text = fileText(path);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() && (stat.mode & OTHERS_MAY_READ) !== 0) {
    warn(`${path}: every user of this machine can read it, and it holds a secret. Run chmod 600 on it`);
  }
  return text;
}

/** The headers of a file, one a line. Blank lines and those that begin with # are left out. @throws UsageError */
export function headersOfFile(path: string, warn?: Warn): string[] {
  const lines = secretText(path, warn).split(/\r?\n/);
  return lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

/** A login for a machine; plain data. Without a machine's name, it is the default login. */
export interface NetrcLogin {
  readonly machine: string | undefined;
  readonly login: string;
  readonly password: string;
}

/** The logins of a netrc file, by default of $NETRC or ~/.netrc. @throws UsageError */
export function loginsOfFile(path: string, warn?: Warn): NetrcLogin[] {
  const chosen = path === DEFAULT_NETRC ? process.env.NETRC || join(homedir(), ".netrc") : path;
  const logins = parseNetrc(secretText(chosen, warn));
  if (logins !== undefined) return logins;
  throw new UsageError({ object: chosen, problem: "is not a netrc file" });
}

/**
 * Reads the format as curl does: words between white space, quoted where they have some of it; `macdef` up to a blank
 * line is not for us; `#` begins a comment where a keyword could be.
 * @returns undefined for anything else.
 */
export function parseNetrc(text: string): NetrcLogin[] | undefined {
  const logins: { machine: string | undefined; login: string; password: string }[] = [];
  const rest = text.replace(/(^|\s)macdef\s[\s\S]*?(\n[ \t]*\r?\n|$)/g, "\n");
  const words = rest.matchAll(/"((?:[^"\\\n]|\\.)*)"|(\S+)/g);
  let skipTo = 0;
  const next = (): string | undefined => {
    const { value } = words.next();
    return value?.[2] ?? value?.[1]?.replace(/\\(.)/g, "$1");
  };
  for (const word of words) {
    if (word.index < skipTo) continue;
    const keyword = word[2] ?? "";
    if (keyword.startsWith("#")) {
      skipTo = `${rest}\n`.indexOf("\n", word.index);
      continue;
    }
    const at = logins.at(-1);
    if (keyword === "default") {
      logins.push({ machine: undefined, login: "", password: "" });
      continue;
    }
    const value = next();
    if (value === undefined) return undefined;
    if (keyword === "machine") logins.push({ machine: value.toLowerCase(), login: "", password: "" });
    else if (at === undefined || !/^(login|password|account)$/.test(keyword)) return undefined;
    else if (keyword !== "account") at[keyword as "login" | "password"] = value;
  }
  return logins;
}

/** The login for a URL: the first of its machine and, where the URL names one, its user; else that of any machine. */
export function loginFor({ hostname, username }: URL, logins: readonly NetrcLogin[]): NetrcLogin | undefined {
  return logins.find(
    ({ machine, login }) =>
      (machine === undefined || machine === hostname) && (username === "" || username === login),
  );
}
