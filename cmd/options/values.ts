/** Values of options: parsed, or refused with a message that says what is valid. */

import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import {
  type Bounds,
  FormatError,
  formatCount,
  type MinIndexOption,
  systemErrorWords,
  UsageError,
} from "../../lib/index.ts";

export const MS_PER_SECOND = 1000;

/**
 * A parser of the numbers that the library accepts.
 * @param unit how many of the library's units one of the option's has: 1,000 for seconds, which are milliseconds there.
 */
export function numberWithin([least, most]: Bounds, unit = 1): (text: string) => number {
  return (text) => {
    const value = number(text);
    const units = Math.round(value * unit);
    const isWhole = Math.abs(value * unit - units) < 1e-6;
    if (isWhole && units >= least && units <= most) return value;
    const kind = unit === 1 ? "a whole number" : "a number";
    const [from, to] = [least / unit, most / unit].map((bound) =>
      bound < 1 ? `${bound}` : formatCount(bound),
    );
    throw new InvalidArgumentError(`Give ${kind} from ${from} to ${to}.`);
  };
}

/** Reads a number in decimals. */
export function number(text: string): number {
  if (/^[0-9]{1,15}(\.[0-9]{1,9})?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a number from 0 in decimals, for example 5 or 0.5.");
}

/** Reads the index of an entry, or the word `source`. */
export function minIndex(text: string): MinIndexOption {
  if (text === "source" || /^[0-9]{1,15}$/.test(text)) return text === "source" ? text : Number(text);
  throw new InvalidArgumentError("Give the index of an entry, or the word source.");
}

/** A parser for options that may be given several times: the values in their order. */
export function repeated(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** A parser that refuses an empty value, which can only be a mistake, such as a shell variable that is not set. */
export function nonEmpty(text: string): string {
  if (text.trim() !== "") return text;
  throw new InvalidArgumentError("It is empty.");
}

/** Where to listen; port 0: at any free port. */
export type Endpoint = Readonly<{ host: string; port: number }>;

/** Reads `host:port`, or a port alone, which means this machine only; an IPv6 address is in brackets. */
export function endpoint(text: string): Endpoint {
  const [, bracketed, plain, digits] =
    /^(?:(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]/\s]+))?:)?([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits !== undefined && port <= 65_535) return { host: bracketed ?? plain ?? "127.0.0.1", port };
  throw new InvalidArgumentError(
    "Give a port, or <host>:<port>, for example 8080 (this machine only), 0.0.0.0:8080 or [::1]:8080.",
  );
}

/** The file, or pipe, that an option names. @throws UsageError if it cannot be read. */
export function readFile(path: string, option: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const problem = `cannot be read (${systemErrorWords(error)})`;
    throw new UsageError({ object: option, problem }, { cause: error });
  }
}

/** The result of `read`; what it refuses as malformed is a usage error of the option. @throws UsageError */
export function readValue<T>(option: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { message: problem, expected, found, advice } = error;
    throw new UsageError({ object: option, problem, expected, found, advice }, { cause: error });
  }
}
