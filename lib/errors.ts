/**
 * The ways in which work on a log can end badly. Each error carries what a person needs to act: which
 * object, what was expected, what came, what to do. Only `cmd/` turns them into exit codes and colours.
 */

import { oneLine } from "./tlog/errors.ts";

/** The facts of a failure; `message` is made of them, in this order, as one line. */
export interface ErrorFacts {
  /** The thing it is about: a path in the log, a URL, a file, an option. */
  object: string;
  /** What is wrong with it, as a clause: "is shorter than the tree needs". */
  problem: string;
  expected?: string | undefined;
  found?: string | undefined;
  /** What the operator can do next, as a sentence without its full stop. */
  advice?: string | undefined;
}

/** Base of every failure that is reported as one line rather than as a stack trace. */
export abstract class LogError extends Error {
  readonly facts: ErrorFacts;

  constructor(facts: ErrorFacts, options?: ErrorOptions) {
    super(failureLine(facts), options);
    this.name = new.target.name;
    this.facts = facts;
  }
}

/** The command or a library call was used wrongly: exit code 2. */
export class UsageError extends LogError {}

/** Something outside failed (network, disk, permissions); the same command can go on later: exit code 1. */
export class OperationError extends LogError {}

/** The source or the target is not what its checkpoint says, or a part of it is missing: exit code 3. */
export class VerificationError extends LogError {}

/** The target may not be written: another log, a live log, another copy at work: exit code 4. */
export class TargetRefusedError extends LogError {}

function failureLine(facts: ErrorFacts): string {
  const { object, problem, expected, found, advice } = facts;
  const comparison = [
    expected === undefined ? undefined : `expected ${expected}`,
    found === undefined ? undefined : `found ${found}`,
  ].filter((part) => part !== undefined);
  const facets = comparison.length === 0 ? "" : ` (${comparison.join(", ")})`;
  const next = advice === undefined ? "" : `. ${advice}`;
  return oneLine(`${object}: ${problem}${facets}${next}`);
}
