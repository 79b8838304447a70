/** The documents that a migration leaves in its target: read back as written, refused when damaged or too new. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TargetRefusedError } from "../../../../lib/errors.ts";
import {
  claimAdvice,
  formatMarker,
  formatRecord,
  type Marker,
  type MigrationRecord,
  parseMarker,
  parseRecord,
} from "../../../../lib/migrate/target/marker.ts";
import { formatHash } from "../../../../lib/tlog/merkle.ts";

const anyFormat = fc.constantFrom("tiles" as const, "static-ct" as const);
const anyText = fc.string({ unit: "binary" });
const anyOrigin = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !/\p{Cc}/u.test(text));
const anyHash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(formatHash);

const noteOf = (origin: string, size: number, rootHash: string): string =>
  `${origin}\n${size}\n${rootHash}\n\n— key AAAAAAA=\n`;

/** The parts of a marker that must agree. */
const anyAim = fc
  .record({ origin: anyOrigin, size: fc.nat().map((size) => size + 1), rootHash: anyHash, part: fc.nat(100) })
  .map(({ origin, size, rootHash, part }) => ({
    origin,
    checkpoint: noteOf(origin, size, rootHash),
    smallestSize: Math.floor((size * part) / 100),
  }));

const anyMarker: fc.Arbitrary<Marker> = fc
  .record({
    source: anyText,
    format: anyFormat,
    distrustSeals: fc.boolean(),
    allowMissingIssuers: fc.boolean(),
    deep: fc.boolean(),
    minIndex: fc.maxSafeNat(),
    tool: anyText,
    isMirror: fc.boolean(),
  })
  .map(({ isMirror, ...fields }) => (isMirror ? { ...fields, isMirror } : fields))
  .chain((fields) => anyAim.map((aim) => ({ ...fields, ...aim })));

const anyRecord: fc.Arbitrary<MigrationRecord> = fc
  .record({
    origin: anyText,
    source: anyText,
    format: anyFormat,
    size: fc.maxSafeNat().map((size) => Math.max(1, size)),
    rootHash: anyHash,
    finishedAt: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    missingIssuers: fc.maxSafeNat(),
    minIndex: fc.maxSafeNat(),
    absentEntries: fc.maxSafeNat(),
    tool: anyText,
  })
  .map((record) => {
    const minIndex = Math.min(record.minIndex, record.size);
    const absentEntries = Math.min(record.absentEntries, minIndex);
    const missingIssuers = record.format === "tiles" ? 0 : record.missingIssuers;
    return { ...record, minIndex, absentEntries, missingIssuers };
  });

/** The document with fields changed, or taken away where the value is undefined. */
function changed(text: string, changes: Record<string, unknown>): string {
  return JSON.stringify({ ...JSON.parse(text), ...changes });
}

const documents = [
  { name: "marker", latest: 4, any: anyMarker, format: formatMarker, parse: parseMarker },
  { name: "record", latest: 3, any: anyRecord, format: formatRecord, parse: parseRecord },
] as const;

const COUNTS = {
  marker: ["smallestSize", "minIndex"],
  record: ["size", "missingIssuers", "minIndex", "absentEntries"],
};

describe.each(documents)("the $name", ({ name, latest, any, format, parse }) => {
  const version = `tlog-migrate-${name}`;
  // The table joins two types of documents that are read by functions of their own.
  const write = format as (document: unknown) => string;
  const read = (text: string): unknown => parse(text, "target", "its parts");
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
    expect(() => read(changed(sample(), { [version]: latest + 1 }))).toThrow(
      `newer tlog-migrate (expected version ${latest} or older, found version ${latest + 1})`,
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
  const checkpoint = noteOf("o", 1, ROOT);
  const fields = { origin: "o", source: "s", checkpoint, tool: "t", format, smallestSize: 1 };
  const marker = JSON.stringify({ "tlog-migrate-marker": 1, ...fields, distrustSeals: false });
  expect(parseMarker(marker, "target", "it")).toMatchObject({ distrustSeals, allowMissingIssuers: false });
});

const ROOT = formatHash(Buffer.alloc(32, 7));

const MARKER: Marker = {
  origin: "o",
  source: "s",
  format: "tiles",
  checkpoint: noteOf("o", 1000, ROOT),
  smallestSize: 1000,
  distrustSeals: false,
  allowMissingIssuers: false,
  deep: false,
  minIndex: 0,
  tool: "t",
};

test.each<[string, Record<string, unknown>, RegExp]>([
  ["is of another origin", { origin: "another" }, /its checkpoint is of another origin/],
  ["is no note", { checkpoint: "o\n1000\n" }, /its field checkpoint has no blank line/],
  ["is no checkpoint", { checkpoint: noteOf("o", 1000, "root") }, /its field checkpoint has a root hash/],
  [
    "is of too many entries",
    { checkpoint: noteOf("o", 2 ** 53, ROOT) },
    /its field checkpoint has a tree size/,
  ],
  ["has no entries, but a root", { checkpoint: noteOf("o", 0, ROOT) }, /not an empty tree's/],
])("a marker whose checkpoint %s is refused, and the way out is said", (_what, changes, problem) => {
  const damaged = changed(formatMarker(MARKER), changes);
  const parse = () => parseMarker(damaged, "/log", claimAdvice("/log/.state/version"));
  expect(parse).toThrow(problem);
  expect(parse).toThrow(/^\/log: the marker: is damaged: .* Remove \/log\/.state\/version while .*--adopt/);
});

test("an impossible smallest size lets the clean-up of obsolete partials begin at 0", () => {
  for (const [smallestSize, used] of [
    [1000, 1000],
    [1001, 0],
    [9_000_000, 0],
  ] as const) {
    const marker = changed(formatMarker(MARKER), { smallestSize });
    expect(parseMarker(marker, "/log", "it")).toMatchObject({ smallestSize: used });
  }
});

const RECORD_FIELDS: MigrationRecord = {
  origin: "o",
  source: "s",
  format: "tiles",
  size: 1000,
  rootHash: ROOT,
  finishedAt: "2026-11-21T11:19:15.081Z",
  missingIssuers: 0,
  minIndex: 0,
  absentEntries: 0,
  tool: "t",
};

test.each<[string, Record<string, unknown>]>([
  ["a root that is not base64", { rootHash: ROOT.slice(1) }],
  ["a root in another alphabet", { rootHash: formatHash(Buffer.alloc(32, 255)).replaceAll("/", "_") }],
  ["a root of 31 bytes", { rootHash: formatHash(Buffer.alloc(31)) }],
  ["no entries, but a root", { size: 0 }],
  ["no time", { finishedAt: "yesterday" }],
  ["a time of no calendar", { finishedAt: "2026-13-21T11:19:15.081Z" }],
  ["issuers where none are", { missingIssuers: 1 }],
  ["a minimum index beyond its size", { minIndex: 1001 }],
  ["more entries missing than may be", { minIndex: 512, absentEntries: 513 }],
])("a record that has %s is refused, and the log is not called damaged", (_what, changes) => {
  const parse = () => parseRecord(changed(formatRecord(RECORD_FIELDS), changes), "/log/.state/record");
  expect(parse).toThrow(
    /^\/log\/.state\/record: is damaged: .* The log is not damaged by this, and may be live/,
  );
  expect(parse).not.toThrow(/empty it|start over/);
});

test("a mirror's marker has a version that earlier tools refuse, and a copy's has not", () => {
  const marker = fc.sample(anyMarker, { numRuns: 1, seed: 7 })[0] as Marker;
  const versionOf = (text: string): unknown => JSON.parse(text)["tlog-migrate-marker"];
  expect(versionOf(formatMarker({ ...marker, isMirror: true }))).toBe(4);
  expect(versionOf(formatMarker({ ...marker, isMirror: false }))).toBe(3);
});
