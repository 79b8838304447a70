import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { OperationError, shellWord } from "../../lib/errors.ts";
import { oneLine } from "../../lib/tlog/errors.ts";

const CONTROLS = [
  ...["\0", "\t", "\n", "\r\n", "\u001b", "\u007f", "\u0085", "\u009b", "\u2028", "\u2029"],
  ...["\u061c", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e"],
  ...["\u2066", "\u2067", "\u2068", "\u2069"],
];

/** The controls, each with its code point: a title must not do what they do. */
const NAMED = CONTROLS.map((control) => [control.codePointAt(0)?.toString(16), control] as const);

it.each(NAMED)("one line has a space in place of U+%s", (_name, control) => {
  expect(oneLine(`a${control}${control}b`)).toBe("a b");
  expect(new OperationError({ object: `a${control}b`, problem: "is bad" }).message).toBe("a b: is bad");
});

it("what others said ends with one full stop before what to do", () => {
  const facts = { object: "credentials", problem: "are unavailable: see there for more.", advice: "Log in" };
  expect(new OperationError(facts).message).toBe("credentials: are unavailable: see there for more. Log in");
  expect(new OperationError({ ...facts, found: "none" }).message).toMatch(/more\. \(found none\)\. Log in$/);
});

it("one line keeps all that can be read, whatever the script", () => {
  const text = "— Łódź, 日本, עברית, العربية, 👩\u200d🔬";
  expect(oneLine(text)).toBe(text);
});

it.each([
  "/srv/log",
  "",
  "a b",
  "it's",
  '$(a) `b` \\ "c" *?~',
  "-rf; reboot",
  "Łódź 日本",
  "one\ntwo\t'three'\\\u2028",
])("a shell reads one word, and a message has one line: %j", (text) => {
  const word = shellWord(text);
  expect(oneLine(word)).toBe(word);
  expect(
    execFileSync(word.startsWith("$") ? "bash" : "sh", ["-c", `printf %s ${word}`], { encoding: "utf8" }),
  ).toBe(text);
});
