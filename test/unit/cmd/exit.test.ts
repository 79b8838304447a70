import { InvalidArgumentError } from "commander";
import { describe, expect, test } from "vitest";
import { endOf, errorDocument, errorText, exitCodeOf, Interruption } from "../../../cmd/exit.ts";
import { OperationError, TargetRefusedError, UsageError, VerificationError } from "../../../lib/index.ts";

const SECRET_TEXT = "https://me:hunter2@log.example/?token=hunter2 is broken";

const facts = { object: "tile/0/000", problem: "is\nmissing" };

describe("the end of a run", () => {
  test.each([
    [1, new OperationError(facts)],
    [2, new UsageError(facts)],
    [2, new InvalidArgumentError("no")],
    [3, new VerificationError(facts)],
    [4, new TargetRefusedError(facts)],
    [130, new Interruption("SIGINT", "it continues")],
    [143, new Interruption("SIGTERM", "it continues")],
    [1, new TypeError("bug")],
  ])("has an exit code for each kind of failure: %i", (code, error) => {
    expect(exitCodeOf(error)).toBe(code);
  });

  test("is a document: what is wrong with which object, or a fault of this program", () => {
    const expected = { object: "tile/0/000", problem: "is missing" };
    expect(errorDocument(new OperationError(facts))).toEqual({ error: { kind: "operation", ...expected } });
    expect(errorDocument(new TypeError("x is not\na function"))).toMatchObject({
      error: { kind: "internal", problem: "x is not a function", advice: expect.stringContaining("report") },
    });
    expect(errorDocument(undefined)).toBeUndefined();
  });

  test("is a document of what failed outside, in words, and of how much is in place after an interruption", () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), {
      code: "ENOSPC",
      errno: -28,
      syscall: "write",
    });
    const { error } = errorDocument(full) ?? {};
    expect(error).toMatchObject({
      kind: "operation",
      problem: expect.stringContaining("no space left on device"),
    });
    expect(error?.problem).not.toContain("ENOSPC");
    const interruption = new Interruption("SIGTERM", "it continues");
    interruption.inPlace = "5 of 7 entries are in place";
    expect(errorDocument(interruption)).toEqual({
      error: {
        kind: "interrupted",
        object: "the run",
        problem: "stopped by SIGTERM",
        found: "5 of 7 entries are in place",
        advice: "it continues",
      },
    });
  });

  test("shows no secret of an address, whatever quotes it", () => {
    for (const error of [
      new Error(SECRET_TEXT),
      new InvalidArgumentError(SECRET_TEXT),
      new OperationError({ object: "a", problem: SECRET_TEXT }),
    ]) {
      expect(JSON.stringify(errorDocument(error))).not.toContain("hunter2");
      expect(`${errorText(error, true)}`).not.toContain("hunter2");
    }
  });

  test("says a failure in one line", () => {
    expect(errorText(new OperationError(facts), false)).toBe("tile/0/000: is missing");
  });

  test("asks for a report of what can only be a bug, with its stack on demand", () => {
    const bug = new TypeError("x is not\na function");
    expect(errorText(bug, false)).toMatch(/^internal error: x is not a function, please report it.*$/);
    expect(errorText(bug, true)).toMatch(/\n +at /);
    expect(errorText("thrown", false)).toContain("internal error: thrown");
  });

  test("is the interruption, where what failed is a consequence of it", () => {
    const controller = new AbortController();
    const [failure, news] = [new OperationError(facts), new VerificationError(facts)];
    expect(endOf(failure, controller.signal)).toBe(failure);
    const interruption = new Interruption("SIGTERM", "it continues");
    controller.abort(interruption);
    for (const error of [failure, new Error("The operation was aborted"), interruption]) {
      expect(endOf(error, controller.signal)).toBe(interruption);
    }
    expect(endOf(news, controller.signal)).toBe(news);
  });
});
