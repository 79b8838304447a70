/**
 * The ways in which work on a log can end badly. Each error carries what a person needs to act: which
 * object, what was expected, what came, what to do. Only `cmd/` turns them into exit codes and colours.
 */

/** The facts of a failure; `message` is made of them, in this order, as one line. */
export interface FailureFacts {
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
export abstract class LogFailure extends Error {
  readonly facts: FailureFacts;

  constructor(facts: FailureFacts, options?: ErrorOptions) {
    super(failureLine(facts), options);
    this.name = new.target.name;
    this.facts = facts;
  }
}

/** The command or a library call was used wrongly: exit code 2. */
export class UsageFailure extends LogFailure {}

/** Something outside failed (network, disk, permissions); the same command can go on later: exit code 1. */
export class OperationFailure extends LogFailure {}

/** The source or the target is not what its checkpoint says, or a part of it is missing: exit code 3. */
export class VerificationFailure extends LogFailure {}

/** The target may not be written: another log, a live log, another copy at work: exit code 4. */
export class TargetRefused extends LogFailure {}

/**
 * Bytes that break the format they claim to have. `lib/tlog` throws it without knowing where the bytes came
 * from; who fetched them catches it and names the object.
 */
export class FormatError extends Error {
  readonly expected: string | undefined;
  readonly found: string | undefined;
  /** What the operator can do, where it is not what is usual with objects of this kind. */
  readonly advice: string | undefined;

  constructor(problem: string, expected?: string, found?: string, advice?: string) {
    super(problem);
    this.name = "FormatError";
    this.expected = expected;
    this.found = found;
    this.advice = advice;
  }
}

function failureLine(facts: FailureFacts): string {
  const { object, problem, expected, found, advice } = facts;
  const comparison = [
    expected === undefined ? undefined : `expected ${expected}`,
    found === undefined ? undefined : `found ${found}`,
  ].filter((part) => part !== undefined);
  const facets = comparison.length === 0 ? "" : ` (${comparison.join(", ")})`;
  const next = advice === undefined ? "" : `. ${advice}`;
  return oneLine(`${object}: ${problem}${facets}${next}`);
}

/**
 * Hostile bytes end up in messages: no control character of theirs may reach a terminal or start a new line, and
 * none may turn the direction of the text about it, so that it reads as something else.
 */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ");
}
