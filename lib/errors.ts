/**
 * The ways in which work on a log can fail. Each error carries what a person needs to act: which object, what was
 * expected, what was found, what to do. Only `cmd/` turns them into exit codes and colours.
 */

import { constants } from "node:os";
import { getSystemErrorMessage } from "node:util";
import { bounded, oneLine } from "./tlog/errors.ts";
import { withShownAddresses } from "./tlog/shown-address.ts";

/** The facts of a failure; `message` consists of them, in this order, as one line. */
export interface ErrorFacts {
  /** The object that failed: a path in the log, a URL, a file, an option. */
  object: string;
  /** What is wrong with it, as a clause: "is shorter than the tree needs". */
  problem: string;
  expected?: string | undefined;
  found?: string | undefined;
  /** What the operator can do next, as a sentence without a full stop. */
  advice?: string | undefined;
}

/** The base class of the failures that are reported as one line rather than as a stack trace. */
export abstract class LogError extends Error {
  readonly facts: ErrorFacts;

  constructor(facts: ErrorFacts, options?: ErrorOptions) {
    const shown = shownFacts(facts);
    super(failureLine(shown), options);
    this.name = new.target.name;
    this.facts = shown;
  }
}

/** A usage error of the command or of a library call: exit code 2. */
export class UsageError extends LogError {}

/** Something outside failed (network, disk, permissions); the same command can continue later: exit code 1. */
export class OperationError extends LogError {}

/** The source or the target does not match its checkpoint, or a part of it is missing: exit code 3. */
export class VerificationError extends LogError {}

/**
 * The source lacks something that its checkpoint, or the policy, asks for: nothing, or a web page, is where an object
 * should be, or witnesses have not cosigned. It may come with time: a copy that follows its source waits for it.
 */
export class IncompleteSourceError extends VerificationError {}

/** The target must not be written: another log, a live log, another copy running: exit code 4. */
export class TargetRefusedError extends LogError {}

/** Most characters of an object's name, or of advice with such a name: paths in a file system are not longer. */
const MAX_NAME_LENGTH = 4_500;

/** Limits each fact to one line of bounded length without the secrets of addresses. */
function shownFacts({ object, problem, expected, found, advice }: ErrorFacts): ErrorFacts {
  const shown = (text: string, length?: number) => bounded(oneLine(withShownAddresses(text)), length);
  return {
    object: shown(object, MAX_NAME_LENGTH),
    problem: shown(problem),
    ...(expected !== undefined && { expected: shown(expected) }),
    ...(found !== undefined && { found: shown(found) }),
    ...(advice !== undefined && { advice: shown(advice, MAX_NAME_LENGTH) }),
  };
}

function failureLine(facts: ErrorFacts): string {
  const { object, problem, expected, found, advice } = facts;
  const comparison: string[] = [];
  if (expected !== undefined) comparison.push(`expected ${expected}`);
  if (found !== undefined) comparison.push(`found ${found}`);
  const facets = comparison.length === 0 ? "" : ` (${comparison.join(", ")})`;
  if (advice === undefined) return `${object}: ${problem}${facets}`;
  // What others say, such as a library, may be a sentence.
  return `${`${object}: ${problem}${facets}`.replace(/[.\s]+$/, "")}. ${advice}`;
}

/**
 * The operating system's message for a failed call ("permission denied", "address already in use"), without the code,
 * the call and the path in Node's message; for any other error, its message.
 */
export function systemErrorWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errno } = error as NodeJS.ErrnoException;
  if (typeof errno !== "number") return error.message;
  const words = getSystemErrorMessage(errno);
  if (words !== undefined && !words.startsWith("Unknown")) return words;
  const [name = errno] = Object.entries(constants.errno).find(([, number]) => number === -errno) ?? [];
  return `system error ${name}`;
}

/** Quotes a text as one word of a shell's command line, for a command that a message suggests. */
export function shellWord(text: string): string {
  if (/^[\w./:@%+=,-]+$/.test(text)) return text;
  if (oneLine(text) === text) return `'${text.replaceAll("'", "'\\''")}'`;
  // A message is one line: line breaks are escaped in the syntax of bash, zsh and ksh.
  const escaped = (units: string) => Buffer.from(units).toString("hex").replace(/../g, "\\x$&");
  return `$'${text.replace(/[\\']/g, "\\$&").replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, escaped)}'`;
}
