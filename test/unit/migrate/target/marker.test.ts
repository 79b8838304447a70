/** The documents that a migration leaves in its target: read back as written, refused when damaged or too new. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TargetRefusedError } from "../../../../lib/errors.ts";
import {
  formatMarker,
  formatRecord,
  type Marker,
  type MigrationRecord,
  parseMarker,
  parseRecord,
} from "../../../../lib/migrate/target/marker.ts";

const anyFormat = fc.constantFrom("tiles" as const, "static-ct" as const);
const anyText = fc.string({ unit: "binary" });

const anyMarker: fc.Arbitrary<Marker> = fc.record({
  origin: anyText,
  source: anyText,
  format: anyFormat,
  checkpoint: anyText,
  smallestSize: fc.maxSafeNat(),
  distrustSeals: fc.boolean(),
  allowMissingIssuers: fc.boolean(),
  deep: fc.boolean(),
  tool: anyText,
});

const anyRecord: fc.Arbitrary<MigrationRecord> = fc.record({
  origin: anyText,
  source: anyText,
  format: anyFormat,
  size: fc.maxSafeNat(),
  rootHash: anyText,
  finishedAt: anyText,
  missingIssuers: fc.maxSafeNat(),
  tool: anyText,
});

/** The document with fields changed, or taken away where the value is undefined. */
function changed(text: string, changes: Record<string, unknown>): string {
  return JSON.stringify({ ...JSON.parse(text), ...changes });
}

const documents = [
  { name: "marker", any: anyMarker, format: formatMarker, parse: parseMarker },
  { name: "record", any: anyRecord, format: formatRecord, parse: parseRecord },
] as const;

const COUNTS = { marker: ["smallestSize"], record: ["size", "missingIssuers"] };

describe.each(documents)("the $name", ({ name, any, format, parse }) => {
  const version = `tlog-migrate-${name}`;
  // The table joins two types of documents that are read by functions of their own.
  const write = format as (document: unknown) => string;
  const read = (text: string): unknown => parse(text, "target");
  const sample = (): string => write(fc.sample(any as fc.Arbitrary<unknown>, { numRuns: 1, seed: 7 })[0]);

  test("is one line, and comes back as it was written", () => {
    fc.assert(
      fc.property(any as fc.Arbitrary<unknown>, (document) => {
        const text = write(document);
        expect(text.indexOf("\n")).toBe(text.length - 1);
        expect(read(text)).toEqual(document);
      }),
    );
  });

  test("may carry fields of a later time in the same version", () => {
    expect(() => read(changed(sample(), { later: "field" }))).not.toThrow();
  });

  test("of a newer version is refused, with both versions named", () => {
    expect(() => read(changed(sample(), { [version]: 3 }))).toThrow(
      "newer tlog-migrate (expected version 2 or older, found version 3)",
    );
  });

  test("is refused when any field is missing or of another type", () => {
    for (const field of Object.keys(JSON.parse(sample())).filter((name) => name !== "note")) {
      for (const value of [undefined, null, [], {}, ["x"]]) {
        expect(() => read(changed(sample(), { [field]: value })), field).toThrow(TargetRefusedError);
      }
    }
    for (const field of COUNTS[name]) {
      for (const value of [-1, 1.5, 2 ** 53, "7"]) {
        expect(() => read(changed(sample(), { [field]: value })), field).toThrow(TargetRefusedError);
      }
    }
    for (const value of [0, -1, 1.5, "1"]) {
      expect(() => read(changed(sample(), { [version]: value }))).toThrow(TargetRefusedError);
    }
  });

  test("is refused when it was cut off anywhere, or is something else", () => {
    const text = sample().trimEnd();
    for (let length = 0; length < text.length; length++) {
      expect(() => read(text.slice(0, length))).toThrow(TargetRefusedError);
    }
    for (const other of ["null", "1", '"text"', "[]", "{}"])
      expect(() => read(other)).toThrow(TargetRefusedError);
  });
});

test.each([
  ["tiles", false],
  ["static-ct", true],
])("seals of a %s log of version 1 say nothing of its issuers: distrusted %s", (format, distrustSeals) => {
  const fields = { origin: "o", source: "s", checkpoint: "c", tool: "t", format, smallestSize: 1 };
  const marker = JSON.stringify({ "tlog-migrate-marker": 1, ...fields, distrustSeals: false });
  expect(parseMarker(marker, "target")).toMatchObject({ distrustSeals, allowMissingIssuers: false });
});
