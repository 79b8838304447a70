/** What is reported to the operator of the limit on requests in flight. */

import { describe, expect, test } from "vitest";
import { refusing, simulate } from "../../../support/simulated-source.ts";

describe("the operator", () => {
  test("reads what the source asks for, and of a long pause", () => {
    const server = refusing(8, { milliseconds: 50, retryAfterMs: 60_000 });
    expect(simulate({ server, seconds: 30 }).notices).toEqual([
      "The source asks for fewer requests (429): 32 in flight instead of 64, after a pause of 60 s",
    ]);
  });

  test("reads no other number than one where one request is allowed", () => {
    const server = refusing(0, { milliseconds: 50, retryAfterMs: 60_000 });
    expect(simulate({ server, seconds: 30, maximum: 1 }).notices).toEqual([
      "The source asks for fewer requests (429): 1 in flight, after a pause of 60 s",
    ]);
  });

  test("reads it again when the limit has come down to the half, and else now and then", () => {
    const server = refusing(8, { milliseconds: 200, retryAfterMs: 1000 });
    const { notices, backOffs } = simulate({ server, seconds: 1300 });
    expect(backOffs).toBeGreaterThan(50);
    expect(notices.slice(0, 2)).toEqual([
      "The source asks for fewer requests (429): 32 in flight instead of 64",
      "The source asks for fewer requests (429): 4 in flight instead of 64",
    ]);
    expect(notices).toHaveLength(4);
  });

  test("does not read of every single refusal", () => {
    const last = { atMs: 0 };
    const server = ({ atMs }: { atMs: number }) => {
      if (atMs < last.atMs + 4_000) return { status: 200, milliseconds: 50 };
      last.atMs = atMs;
      return { status: 429, milliseconds: 50 };
    };
    const { notices, backOffs } = simulate({ server, seconds: 60 });
    expect(backOffs).toBeGreaterThan(12);
    expect(notices).toHaveLength(1);
  });
});
