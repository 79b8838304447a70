import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkpointPolicy, requiredPolicy, type TrustOptions } from "../../../../cmd/options/trust.ts";
import { UsageError } from "../../../../lib/index.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { listEntry, listText } from "../../../support/logs/log-list.ts";
import { temporaryDirectory } from "../../../support/places/temp.ts";

const { vkey, origin } = testLog({ size: 1 });
const ct = testLog({ size: 1, format: "static-ct" });
const publicKey = ct.publicKey ?? "";

const SOURCE = "https://mon.test/2026h1/";
const entry = listEntry(publicKey, { submission_url: `https://${ct.origin}/`, monitoring_url: SOURCE });

function logListFile(text = listText({ tiled_logs: [entry] })): string {
  const path = join(temporaryDirectory(), "list.json");
  writeFileSync(path, text);
  return path;
}

describe("trust in a checkpoint", () => {
  test("comes from every vkey that is given", () => {
    const policy = checkpointPolicy({ format: "tiles", vkey: [vkey, ct.vkey], origin }, SOURCE);
    expect(policy).toMatchObject({ verifiers: [{ name: origin }, { name: ct.origin }], origin });
  });

  test("comes from a Static CT log's public key and its origin, however the origin is written", () => {
    for (const written of [ct.origin, `https://${ct.origin}/`]) {
      const policy = checkpointPolicy({ format: "static-ct", publicKey, origin: written }, SOURCE);
      expect(policy).toMatchObject({ verifiers: [{ name: ct.origin }], origin: ct.origin });
    }
  });

  test("comes from the key of the log that a log list has for the source", () => {
    const expected = checkpointPolicy({ format: "static-ct", publicKey, origin: ct.origin }, SOURCE);
    const policy = checkpointPolicy({ format: "static-ct", logList: logListFile() }, SOURCE);
    expect(JSON.stringify(policy)).toBe(JSON.stringify(expected));
    expect(policy).toMatchObject({ verifiers: [{ name: ct.origin }], origin: ct.origin });
  });

  test("comes from a log list for the origin that is given, and from a log.v3.json wherever the copy lies", () => {
    const [list, single] = [logListFile(), logListFile(JSON.stringify(entry))];
    for (const options of [{ logList: list, origin: `https://${ct.origin}/` }, { logList: single }]) {
      const policy = checkpointPolicy({ format: "static-ct", ...options }, "/srv/copy");
      expect(policy).toMatchObject({ verifiers: [{ name: ct.origin }], origin: ct.origin });
    }
  });

  test("needs every vkey beside a log list", () => {
    const options = { format: "static-ct", logList: logListFile(), vkey: [vkey] } as const;
    expect(checkpointPolicy(options, SOURCE)).toMatchObject({
      verifiers: [{ name: origin }, { name: ct.origin }],
      origin: ct.origin,
    });
  });

  test("is not taken from a log list that does not fit the other options, or has no key", () => {
    const logList = logListFile();
    const noKey = logListFile(JSON.stringify(listEntry("AAAA", { url: "https://ct.test/" })));
    const cases: [options: TrustOptions, words: RegExp][] = [
      [{ format: "tiles", logList }, /^--log-list: is for Static CT logs\. .*--vkey/],
      [
        { format: "static-ct", logList, publicKey, origin: ct.origin },
        /^--log-list: contradicts --public-key/,
      ],
      [{ format: "static-ct", logList, insecureNoSignature: true }, /^--insecure-no-signature: contradicts/],
      [{ format: "static-ct", logList, origin: "ct.test" }, /no log with the origin ct\.test/],
      [{ format: "static-ct", logList: noKey }, /^--log-list \S+list\.json: is not a public key/],
    ];
    for (const [options, words] of cases) {
      expect(() => checkpointPolicy(options, SOURCE)).toThrow(UsageError);
      expect(() => checkpointPolicy(options, SOURCE)).toThrow(words);
    }
  });

  test("may be waived, and then by name alone", () => {
    expect(checkpointPolicy({ format: "tiles", insecureNoSignature: true }, SOURCE)).toEqual({
      insecureNoSignature: true,
    });
    expect(checkpointPolicy({ format: "tiles", insecureNoSignature: true, origin }, SOURCE)).toHaveProperty(
      "origin",
      origin,
    );
  });

  test("is not assumed where nothing was said", () => {
    expect(checkpointPolicy({ format: "tiles" }, SOURCE)).toBeUndefined();
    expect(() => requiredPolicy({ format: "tiles" }, SOURCE)).toThrow(
      /Pass --vkey .*--insecure-no-signature/,
    );
    expect(() => requiredPolicy({ format: "static-ct" }, SOURCE)).toThrow(
      /Pass --log-list <file>, --vkey <vkey>, or --public-key <base64> with --origin; or --insecure/,
    );
  });

  const refused: [what: string, options: TrustOptions, words: RegExp][] = [
    ["no vkey", { format: "tiles", vkey: ["hello"] }, /^--vkey: is not a vkey/],
    ["an empty vkey", { format: "tiles", vkey: [""] }, /^--vkey: is not a vkey/],
    [
      "a vkey of another key id",
      { format: "tiles", vkey: [vkey.replace(/\+\w{8}\+/, "+00000000+")] },
      /key id/,
    ],
    [
      "no public key",
      { format: "static-ct", publicKey: "AAAA", origin },
      /^--public-key: is not a public key/,
    ],
    ["a public key without an origin", { format: "static-ct", publicKey }, /--origin/],
    ["a public key for tiles", { format: "tiles", publicKey, origin }, /--format static-ct/],
    [
      "a key that is not to be used",
      { format: "tiles", vkey: [vkey], insecureNoSignature: true },
      /^--insecure-no-signature: contradicts/,
    ],
    [
      "a public key that is not to be used",
      { format: "static-ct", publicKey, origin, insecureNoSignature: true },
      /^--insecure-no-signature: contradicts/,
    ],
    ["an origin that no key is there to check", { format: "tiles", origin }, /^--origin: .*--vkey/],
  ];
  test.each(refused)("refuses %s as wrong use", (_, options, words) => {
    expect(() => checkpointPolicy(options, SOURCE)).toThrow(UsageError);
    expect(() => checkpointPolicy(options, SOURCE)).toThrow(words);
  });
});
