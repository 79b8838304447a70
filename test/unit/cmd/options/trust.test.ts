import { describe, expect, test } from "vitest";
import { checkpointPolicy, type TrustOptions } from "../../../../cmd/options/trust.ts";
import { UsageError } from "../../../../lib/index.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { listEntry, listFile, listText } from "../../../support/logs/log-list.ts";

const { vkey, origin } = testLog({ size: 1 });
const another = testLog({ size: 1, seed: "another" }).vkey;
const ct = testLog({ size: 1, format: "static-ct" });
const publicKey = ct.publicKey ?? "";

const SOURCE = "https://mon.test/2026h1/";
const entry = listEntry(publicKey, { submission_url: `https://${ct.origin}/`, monitoring_url: SOURCE });
const logListFile = () => listFile(listText({ tiled_logs: [entry] }));

const policyOf = (options: TrustOptions, source = SOURCE) => checkpointPolicy(options, source);
const staticCt = (options: Omit<TrustOptions, "format">, source?: string) =>
  policyOf({ format: "static-ct", ...options }, source);
const OF_CT = { verifiers: [{ name: ct.origin }], origin: ct.origin };

describe("trust in a checkpoint", () => {
  test("comes from every vkey that is given", () => {
    const policy = policyOf({ format: "tiles", vkey: [vkey, ct.vkey], origin });
    expect(policy).toMatchObject({ verifiers: [{ name: origin }, { name: ct.origin }], origin });
  });

  test("comes from a Static CT log's public key and its origin, however the origin is written", () => {
    for (const written of [ct.origin, `https://${ct.origin}/`]) {
      expect(staticCt({ publicKey, origin: written })).toMatchObject(OF_CT);
    }
  });

  test("takes the origin as it is given, and for the submission prefix where the log is one of Static CT", () => {
    const originOf = (options: TrustOptions) => policyOf(options)?.origin;
    const prefix = `https://${ct.origin}/`;
    const other = "https://log.test/a log/";
    for (const format of ["tiles", undefined] as const) {
      expect(originOf({ format, vkey: [vkey], origin: other })).toBe(other);
      expect(originOf({ format, vkey: [vkey], origin })).toBe(origin);
    }
    expect(originOf({ vkey: [ct.vkey], origin: prefix })).toBe(ct.origin);
    expect(originOf({ format: "tiles", vkey: [ct.vkey], origin: prefix })).toBe(prefix);
    expect(originOf({ format: "static-ct", vkey: [vkey], origin: other })).toBe("log.test/a log");
    expect(originOf({ insecureNoSignature: true, origin: prefix })).toBe(ct.origin);
  });

  test("comes from the key of the log that a log list has for the source", () => {
    const policy = staticCt({ logList: logListFile() });
    expect(JSON.stringify(policy)).toBe(JSON.stringify(staticCt({ publicKey, origin: ct.origin })));
    expect(policy).toMatchObject(OF_CT);
  });

  test("comes from a log list for the origin that is given, and from a log.v3.json wherever the copy lies", () => {
    const [logList, single] = [logListFile(), listFile(JSON.stringify(entry))];
    expect(staticCt({ logList, origin: `https://${ct.origin}/` }, "/srv/copy")).toMatchObject(OF_CT);
    expect(staticCt({ logList: single }, "/srv/copy")).toMatchObject(OF_CT);
  });

  test("needs every vkey beside a log list", () => {
    const policy = staticCt({ logList: logListFile(), vkey: [vkey] });
    expect(policy).toMatchObject({ ...OF_CT, verifiers: [{ name: origin }, { name: ct.origin }] });
  });

  test("may be waived, and then by name alone", () => {
    const waived = { format: "tiles", insecureNoSignature: true } as const;
    expect(policyOf(waived)).toEqual({ insecureNoSignature: true });
    expect(policyOf({ ...waived, origin })).toHaveProperty("origin", origin);
  });

  test.each(["tiles", "static-ct"] as const)("is not assumed where nothing was said: %s", (format) => {
    expect(policyOf({ format })).toBeUndefined();
  });

  const policyFile = (...lines: readonly string[]) => listFile(lines.join("\n"));

  test("comes from a policy file, next to every vkey, and names its log itself or by one of these", () => {
    const policy = policyFile(`log ${vkey}`, "quorum none");
    expect(policyOf({ format: "tiles", policy })).toMatchObject({
      verifiers: [],
      trustPolicy: { logs: [{ name: origin }], witnesses: [] },
    });
    const both = {
      format: "tiles",
      policy: policyFile("quorum none"),
      vkey: [vkey],
      origin: "A log",
    } as const;
    expect(policyOf(both)).toMatchObject({ verifiers: [{ name: origin }], trustPolicy: {}, origin: "A log" });
    const ofCt = staticCt({ publicKey, origin: ct.origin, policy: policyFile("quorum none") });
    expect(ofCt).toMatchObject({ ...OF_CT, trustPolicy: {} });
    expect(
      policyOf({ policy: policyFile(`log ${ct.vkey}`, "quorum none"), origin: `https://${ct.origin}/` }),
    ).toMatchObject({
      origin: ct.origin,
    });
  });

  const WAIVED = { insecureNoSignature: true };
  const CONTRADICTION = /^--insecure-no-signature: contradicts/;
  const otherId = vkey.replace(/\+\w{8}\+/, "+00000000+");
  const listed = () => ({ logList: logListFile() });
  const refused: [what: string, options: () => Partial<TrustOptions>, words: RegExp][] = [
    ["no vkey", () => ({ vkey: ["hello"] }), /^--vkey: is not a vkey/],
    ["an empty vkey", () => ({ vkey: [""] }), /^--vkey: is not a vkey/],
    [
      "a file in place of the vkey",
      () => ({ vkey: [policyFile(vkey)] }),
      /^--vkey: is the name of a file, .*Pass what is in it/,
    ],
    ["a vkey of another key id", () => ({ vkey: [otherId] }), /key id/],
    ["a public key for tiles", () => ({ publicKey, origin }), /--format static-ct/],
    ["a key that is not to be used", () => ({ vkey: [vkey], ...WAIVED }), CONTRADICTION],
    ["an origin that no key is there to check", () => ({ origin }), /^--origin: .*--vkey/],
    [
      "a policy that is not there",
      () => ({ policy: "/no/policy" }),
      /^--policy \/no\/policy: cannot be read/,
    ],
    [
      "a policy that is none",
      () => ({ policy: policyFile("hello") }),
      /^--policy \S+: line 1 has an unknown/,
    ],
    [
      "a policy without a log",
      () => ({ policy: policyFile("quorum none") }),
      /: names no log\. Pass .*--vkey/,
    ],
    [
      "a policy that is not to be used",
      () => ({ policy: policyFile(`log ${vkey}`, "quorum none"), ...WAIVED }),
      CONTRADICTION,
    ],
    [
      "an origin that none of a policy's logs has",
      () => ({ policy: policyFile(`log ${vkey}`, `log ${another}`, "quorum none"), origin: "x" }),
      /^--origin: is not that of a log in the policy/,
    ],
    ["a log list for tiles", listed, /^--log-list: is for Static CT logs\. .*--vkey/],
  ];
  test.each(refused)("refuses %s as a usage error", (_, options, words) => {
    expect(() => policyOf({ format: "tiles", ...options() })).toThrow(UsageError);
    expect(() => policyOf({ format: "tiles", ...options() })).toThrow(words);
  });

  const noKey = () => listFile(JSON.stringify(listEntry("AAAA", { url: "https://ct.test/" })));
  const both = () => ({ ...listed(), publicKey, origin: ct.origin });
  const refusedStaticCt: typeof refused = [
    ["no public key", () => ({ publicKey: "AAAA", origin }), /^--public-key: is not a public key/],
    ["a public key without an origin", () => ({ publicKey }), /--origin/],
    ["a public key that is not to be used", () => ({ publicKey, origin, ...WAIVED }), CONTRADICTION],
    ["a log list and a public key", both, /^--log-list: contradicts --public-key/],
    ["a log list that is not to be used", () => ({ ...listed(), ...WAIVED }), CONTRADICTION],
    ["a list without the log", () => ({ ...listed(), origin: "ct.test" }), /no log with the origin ct\.test/],
    ["a list without a key", () => ({ logList: noKey() }), /^--log-list \S+list\.json: is not a public key/],
  ];
  test.each(refusedStaticCt)("refuses %s as a usage error", (_, options, words) => {
    expect(() => staticCt(options())).toThrow(UsageError);
    expect(() => staticCt(options())).toThrow(words);
  });
});
