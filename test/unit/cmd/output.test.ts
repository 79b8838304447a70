import { describe, expect, it } from "vitest";
import { jsonLine } from "../../../cmd/output.ts";

const CONTROLS = [
  ...["\n", "\u001b", "\u007f", "\u0085", "\u009b", "\u2028", "\u2029", "\u200e", "\u200f", "\u061c"],
  ...["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"],
  ...["\u00ad", "\u200b", "\ufeff", "\u{e0041}", "\ud800"],
];

/** The controls, each with its code point: a title must not do what they do. */
const NAMED = CONTROLS.map((control) => [control.codePointAt(0)?.toString(16), control] as const);

describe("a line of JSON", () => {
  it.each(NAMED)("carries U+%s as an escape, and so unaltered", (_name, control) => {
    const result = { origin: `evil${control}log`, [control]: 1 };
    const line = jsonLine(result);
    expect(line).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(line)).toEqual(result);
  });

  it("shows what can be read as it is", () => {
    expect(jsonLine({ origin: "Łódź 日本 👩", size: 1 })).toBe('{"origin":"Łódź 日本 👩","size":1}\n');
  });
});
