/** Errors of the formats, and how hostile bytes are shown in messages. */

/**
 * Bytes that are not in the format they should have. `lib/tlog` throws it without knowing where the bytes came
 * from; the caller that read them catches it and names the object.
 */
export class FormatError extends Error {
  readonly expected: string | undefined;
  readonly found: string | undefined;
  /** What the operator can do, where it is not the usual advice for objects of this kind. */
  readonly advice: string | undefined;

  constructor(problem: string, expected?: string, found?: string, advice?: string) {
    super(bounded(problem));
    this.name = "FormatError";
    this.expected = expected && bounded(expected);
    this.found = found && bounded(found);
    this.advice = advice;
  }
}

/** The result of `read`, undefined where it throws a FormatError. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** The longest part of a message that may be others' words; names of the operator's own may be longer. */
const MAX_PART_LENGTH = 1_000;

/** A text, cut to the length of a part of a message: texts from outside may have any length. */
export function bounded(text: string, length = MAX_PART_LENGTH): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}

/**
 * A text as one line. Hostile bytes end up in messages: none of their control characters may reach a terminal or
 * start a new line, and none may change the direction of the text around it, so that it reads as something else.
 */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ");
}
