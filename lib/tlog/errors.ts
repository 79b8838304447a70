/** Errors of the formats, and how hostile bytes get into messages. */

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

/** The result of `read`, undefined where it throws a FormatError. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/**
 * Hostile bytes end up in messages: no control character of theirs may reach a terminal or start a new line, and
 * none may turn the direction of the text about it, so that it reads as something else.
 */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ");
}
