/** What comes from outside is never called an internal error, wherever nobody has named it. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { OperationError, UsageError, VerificationError } from "../../../lib/errors.ts";
import { fromWire, toWire } from "../../../lib/migrate/execute/messages.ts";
import { outsideFailure } from "../../../lib/migrate/outside-failure.ts";
import { SourceError } from "../../../lib/migrate/ports/source.ts";
import { FormatError } from "../../../lib/tlog/errors.ts";

/** What Node throws. */
function thrownBy(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

const FAILURES: readonly [what: string, error: Error, words: RegExp, kind: typeof OperationError][] = [
  [
    "a file",
    thrownBy(() => readFileSync("/nowhere/x")),
    /^\/nowhere\/x: no such file or directory\. Fix that first/,
    OperationError,
  ],
  [
    "a directory",
    thrownBy(() => readFileSync("/")),
    /^\S+: illegal operation on a directory\. /,
    OperationError,
  ],
  [
    "a path",
    thrownBy(() => readdirSync("/dev/null/x")),
    /^\/dev\/null\/x: not a directory\. /,
    OperationError,
  ],
  ["memory", new RangeError("Array buffer allocation failed"), /^memory: .*--budget/, OperationError],
  ["a source", new SourceError("is busy", { retryable: true }), /^the source: is busy\. Run/, OperationError],
  [
    "bytes",
    new FormatError("is bad", "1", "2"),
    /^the log: is bad \(expected 1, found 2\)/,
    VerificationError,
  ],
];

describe("a failure of the outside", () => {
  it.each(FAILURES)("is one that is reported: of %s", (_what, error, words, kind) => {
    const named = outsideFailure(error) as Error;
    expect(named).toBeInstanceOf(kind);
    expect(named.message).toMatch(words);
    expect(named.cause).toBe(error);
  });

  it.each(FAILURES)("is one when it comes from a thread: of %s", (_what, error, words, kind) => {
    const arrived = fromWire(structuredClone(toWire(error)));
    expect(arrived).toBeInstanceOf(kind);
    expect(arrived.message).toMatch(words);
  });

  it("keeps the name of what it is about", () => {
    const named = outsideFailure(
      thrownBy(() => readFileSync("/nowhere/x")),
      "tile/0/000",
    ) as Error;
    expect(named.message).toMatch(/^tile\/0\/000: no such file or directory \(\/nowhere\/x\)\. /);
  });
});

it.each([new TypeError("x is not a function"), new UsageError({ object: "a", problem: "b" }), "stop"])(
  "anything else is left as it is: %s",
  (error) => {
    expect(outsideFailure(error)).toBe(error);
  },
);

it.each([
  ["EIO", /Run the same command again/],
  ["ESTALE", /Run the same command again/],
  ["EROFS", /Fix that first, then run the same command again/],
  ["EACCES", /Fix that first, then run the same command again/],
])("%s is said to pass, or to have to be mended", (code, advice) => {
  const error = Object.assign(new Error("x"), { code, syscall: "open", path: "/x" });
  expect(String(outsideFailure(error))).toMatch(advice);
});

it("a source's failure that does not pass is not one for another try", () => {
  const lasting = new SourceError("answered 405", { retryable: false });
  expect(String(outsideFailure(lasting))).toBe("OperationError: the source: answered 405");
});

it("too few open files, wherever the next one was to be opened, is told what to raise", () => {
  for (const code of ["EMFILE", "ENFILE"]) {
    const error = Object.assign(new Error(`${code}: too many open files, open 'x'`), {
      code,
      syscall: "open",
    });
    expect(String(outsideFailure(error))).toMatch(/too many open files.*Raise the hard limit on open files/);
  }
});
