import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../../lib/tlog/errors.ts";
import { parseLogList } from "../../../lib/tlog/log-list.ts";
import { staticCtVerifier } from "../../../lib/tlog/vkey.ts";
import { listEntry, listText } from "../../support/logs/log-list.ts";

function newKey(): string {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return publicKey.export({ format: "der", type: "spki" }).toString("base64");
}

const [KEY, OTHER_KEY] = [newKey(), newKey()];

const TILED = {
  submission_url: "https://log.test/2026h1/",
  monitoring_url: "https://mon.test/2026h1/",
  temporal_interval: { start_inclusive: "2026-01-01T00:00:00Z", end_exclusive: "2026-07-01T00:00:00Z" },
};

/** Fields that Sunlight writes beside those of the lists. */
const SUNLIGHT = {
  ...TILED,
  description: "log.test/2026h1",
  friendly_name: "log2026h1",
  log_spec: "static-ct-api",
  mmd_seconds: 60,
  submission_endpoint: { url: TILED.submission_url },
  monitoring_endpoint: { url: TILED.monitoring_url },
  log_software: { name: "sunlight", version: "test" },
  final_tree_head: { sha256_root_hash: "", tree_size: 300, timestamp: 1 },
};

describe("a log.v3.json", () => {
  test("gives the key, the origin and the place of the log that it is for", () => {
    const { kind, log } = parseSingle(JSON.stringify(listEntry(KEY, SUNLIGHT), null, 4));
    expect([kind, log]).toEqual([
      "log",
      { origin: "log.test/2026h1", publicKey: KEY, monitoringUrl: "https://mon.test/2026h1/" },
    ]);
    expect(staticCtVerifier(log.publicKey, log.origin).name).toBe("log.test/2026h1");
  });

  // Archives of RFC 6962 logs: their checkpoint's origin is made of the log's URL.
  test("of an archive gives the origin by the URL of the RFC 6962 log", () => {
    const { log } = parseSingle(JSON.stringify(listEntry(KEY, { url: "https://ct.test/logs/2023/" })));
    expect(log).toEqual({ origin: "ct.test/logs/2023", publicKey: KEY, monitoringUrl: undefined });
  });
});

describe("a log list", () => {
  test("gives the logs of both APIs and of every operator", () => {
    const rfc6962 = listEntry(OTHER_KEY, { url: "https://ct.test/logs/2026/", state: { retired: {} } });
    const { operators } = JSON.parse(listText({ logs: [rfc6962], tiled_logs: [listEntry(KEY, TILED)] }));
    const list = JSON.stringify({
      $schema: "a schema",
      operators: [...operators, { name: "B", logs: [rfc6962] }],
    });
    const old = { origin: "ct.test/logs/2026", publicKey: OTHER_KEY, monitoringUrl: undefined };
    expect(parseLogList(list)).toEqual({
      kind: "list",
      logs: [old, { origin: "log.test/2026h1", publicKey: KEY, monitoringUrl: TILED.monitoring_url }, old],
    });
  });

  test("may have no log at all", () => {
    expect(parseLogList(`{"operators":[]}`)).toEqual({ kind: "list", logs: [] });
  });
});

describe("what is neither is refused", () => {
  const log = (fields: Record<string, unknown>) => JSON.stringify(listEntry(KEY, { ...TILED, ...fields }));
  const cases: [what: string, json: string, words: RegExp][] = [
    ["no JSON", "<html>", /^is not a log list: it is not JSON$/],
    ["nothing", "", /not JSON/],
    ["an array", "[]", /^the log list is not a JSON object/],
    ["a JSON null", "null", /not a JSON object/],
    ["an object about something else", "{}", /neither operators nor the key/],
    ["operators that are no array", `{"operators":{}}`, /^the list has operators that are not an array/],
    ["an operator that is no object", `{"operators":[null]}`, /^operators\[0\] is not a JSON object/],
    ["logs that are no array", listText({ logs: "x" }), /^operators\[0\] has logs that are not an array/],
    [
      "a log that is no object",
      listText({ tiled_logs: [[]] }),
      /^operators\[0\]\.tiled_logs\[0\] is not a JSON object/,
    ],
    ["a key that is no string", log({ key: 1 }), /^the log has no key, or one that is not a string/],
    ["a key that is not base64", log({ key: `${KEY} ` }), /^the log has a log_id that is not/],
    ["a key in base64url", log({ key: "-_-_" }), /log_id that is not/],
    ["no log id", log({ log_id: undefined }), /log_id that is not/],
    ["the log id of another key", log({ key: OTHER_KEY }), /log_id that is not the SHA-256 of its key/],
    ["no submission URL", log({ submission_url: undefined }), /no url/],
    ["a monitoring URL that is no string", log({ monitoring_url: null }), /monitoring_url/],
  ];
  test.each(cases)("%s", (_, json, words) => {
    expect(() => parseLogList(json)).toThrow(FormatError);
    expect(() => parseLogList(json)).toThrow(words);
  });

  test("and one bad log is told by its place, and what its log id would be", () => {
    const bad = listEntry(KEY, { ...TILED, log_id: "AAAA" });
    expect(thrownBy(listText({ tiled_logs: [listEntry(OTHER_KEY, TILED), bad] }))).toMatchObject({
      message: "operators[0].tiled_logs[1] has a log_id that is not the SHA-256 of its key",
      expected: listEntry(KEY, {}).log_id,
      found: "AAAA",
    });
  });
});

describe("whatever comes", () => {
  const field = fc.oneof(
    fc.constantFrom(KEY, listEntry(KEY, {}).log_id, "https://log.test/", "https://[", ""),
    fc.jsonValue(),
  );
  const entry = fc.record(
    { key: field, log_id: field, url: field, submission_url: field, monitoring_url: field },
    { requiredKeys: [] },
  );
  const logs = fc.oneof(fc.array(fc.oneof(entry, fc.jsonValue())), fc.jsonValue());
  const operator = fc.oneof(fc.record({ logs, tiled_logs: logs }, { requiredKeys: [] }), fc.jsonValue());
  const list = fc.record({ operators: fc.oneof(fc.array(operator), fc.jsonValue()) });

  test.each([
    ["any JSON", fc.json()],
    ["what looks like a log", entry.map((value) => JSON.stringify(value))],
    ["what looks like a list", list.map((value) => JSON.stringify(value))],
    ["any text", fc.string({ unit: "binary" })],
  ])("%s is read, or refused with a FormatError", (_, texts) => {
    fc.assert(
      fc.property(texts, (json) => {
        const error = thrownBy(json);
        expect(error === undefined || error instanceof FormatError).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test("long runs of slashes and brackets cost no more than to read them", () => {
    const slashes = `https://log.test${"/".repeat(400_000)}x`;
    expect(parseSingle(JSON.stringify(listEntry(KEY, { url: slashes }))).log.origin).toHaveLength(400_009);
    expect(thrownBy("[".repeat(2_000_000))).toBeInstanceOf(FormatError);
    expect(thrownBy("[".repeat(1_000_000) + "]".repeat(1_000_000))).toBeInstanceOf(FormatError);
  });
});

function parseSingle(json: string) {
  const list = parseLogList(json);
  if (list.kind !== "log") throw new Error("it is a whole list");
  return list;
}

function thrownBy(json: string): unknown {
  try {
    parseLogList(json);
    return undefined;
  } catch (error) {
    return error;
  }
}
