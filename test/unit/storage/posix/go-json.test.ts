/** JSON of the private state is read as Go's encoding/json reads it, or refused. */

import { describe, expect, test } from "vitest";
import { goBytes, goCount, goFields } from "../../../../storage/posix/go-json.ts";

const fields = (text: string) => goFields(text, ["size", "root"]);

describe("fields", () => {
  test.each<[string, Record<string, string>]>([
    ["{}", {}],
    [' {"root":"a" ,"size" : 1}\r\n', { root: '"a"', size: "1" }],
    ['{"Size":1,"rOOT":"a"}', { size: "1", root: '"a"' }],
    ['{"\\u0073ize":1}', { size: "1" }],
    // Go folds U+017F to s.
    ['{"\u017fize":1}', { size: "1" }],
    ['{"size":null}', {}],
    ['{"other":{"size":1,"x":[{"root":2}]},"size":3}', { size: "3" }],
    ['{"other":"{\\"size\\":1}","size":3}', { size: "3" }],
    ['{"size":{"size":1}}', { size: "{" }],
  ])("of %s", (text, expected) => {
    expect(fields(text)).toEqual(expected);
  });

  test.each(["", "null", "[]", "7", "{", "{}{}", "{},", "\ufeff{}", "{size:1}", "{'size':1}", '{"size":01}'])(
    "are not in %j",
    (text) => {
      expect(() => fields(text)).toThrow(/is not a JSON object/);
    },
  );

  test.each(['{"size":1,"size":1}', '{"size":1,"Size":2}', '{"size":null,"size":2}'])(
    "must not be there twice: %s",
    (text) => {
      expect(() => fields(text)).toThrow(/has the field size twice/);
    },
  );
});

test.each([
  ["0", 0],
  ["900", 900],
  ["9007199254740991", 2 ** 53 - 1],
])("%s is a count", (literal, count) => {
  expect(goCount(fields(`{"size":${literal}}`), "size")).toBe(count);
});

test.each(["-1", "-0", "1.0", "1e3", '"1"', "true", "{}", "[1]", "9007199254740992", "18446744073709551616"])(
  "%s is not a count",
  (literal) => {
    expect(() => goCount(fields(`{"size":${literal}}`), "size")).toThrow(/has a size that is not a count/);
  },
);

test("what is missing counts as 0, and has no bytes", () => {
  expect(goCount(fields("{}"), "size")).toBe(0);
  expect(() => goBytes(fields("{}"), "root", 1)).toThrow(/has a root that Go does not read.*/);
});

test.each([
  ["+/8=", 2],
  ["+/\\n8\\r=", 2],
  // Go does not look at the bits after the last byte.
  ["+/9=", 2],
  ["AAAA", 3],
])("%s is base64 of %i bytes", (text, length) => {
  expect(goBytes(fields(`{"root":"${text}"}`), "root", length)).toHaveLength(length);
});

test.each(['"-_8="', '"+/8"', '"+/8=="', '"+/ 8="', '" +/8="', '"+/8=+/8="', "1", "[1,2]", '""'])(
  "%s is not base64 of two bytes",
  (literal) => {
    expect(() => goBytes(fields(`{"root":${literal}}`), "root", 2)).toThrow(/root that Go does not read/);
  },
);
