import { describe, expect, it } from "vitest";
import { parseRetryAfter } from "../../../../storage/http/headers.ts";

// The three forms of one moment in RFC 9110 §5.6.7.
const MOMENT = 784_111_777_000;

describe("parseRetryAfter", () => {
  it.each([
    ["120", 120_000],
    ["0", 0],
    [" 5 ", 5000],
  ])("reads %j as seconds", (value, milliseconds) => {
    expect(parseRetryAfter(value, MOMENT)).toBe(milliseconds);
  });

  it.each(["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])(
    "reads the date %j",
    (value) => {
      expect(parseRetryAfter(value, MOMENT - 90_000)).toBe(90_000);
    },
  );

  it("asks for no wait until a date that has passed", () => {
    expect(parseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", MOMENT + 1)).toBe(0);
  });

  it.each([
    "",
    "soon",
    "-3",
    "1.5",
    "1e3",
    "99999999999999999999",
    "1994-11-06",
    "Sun",
    "Sunday, the day after",
  ])("ignores %j", (value) => {
    expect(parseRetryAfter(value, MOMENT)).toBeUndefined();
  });
});
