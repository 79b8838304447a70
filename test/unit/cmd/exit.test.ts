import { InvalidArgumentError } from "commander";
import { describe, expect, test } from "vitest";
import { endOf, errorText, exitCodeOf, Interruption } from "../../../cmd/exit.ts";
import { OperationError, TargetRefusedError, UsageError, VerificationError } from "../../../lib/index.ts";

const facts = { object: "tile/0/000", problem: "is\nmissing" };

describe("the end of a run", () => {
  test("has an exit code for each kind of failure", () => {
    expect(exitCodeOf(new OperationError(facts))).toBe(1);
    expect(exitCodeOf(new UsageError(facts))).toBe(2);
    expect(exitCodeOf(new InvalidArgumentError("no"))).toBe(2);
    expect(exitCodeOf(new VerificationError(facts))).toBe(3);
    expect(exitCodeOf(new TargetRefusedError(facts))).toBe(4);
    expect(exitCodeOf(new Interruption("SIGINT"))).toBe(130);
    expect(exitCodeOf(new Interruption("SIGTERM"))).toBe(143);
    expect(exitCodeOf(new TypeError("bug"))).toBe(1);
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
    const failure = new OperationError(facts);
    expect(endOf(failure, controller.signal)).toBe(failure);
    const interruption = new Interruption("SIGTERM");
    controller.abort(interruption);
    for (const error of [failure, new Error("The operation was aborted"), interruption]) {
      expect(endOf(error, controller.signal)).toBe(interruption);
    }
    const news = new VerificationError(facts);
    expect(endOf(news, controller.signal)).toBe(news);
  });
});
