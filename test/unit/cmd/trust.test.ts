import { describe, expect, test } from "vitest";
import { checkpointPolicy, requiredPolicy, type TrustOptions } from "../../../cmd/trust.ts";
import { UsageFailure } from "../../../lib/index.ts";
import { testLog } from "../../support/log.ts";

const { vkey, origin } = testLog({ size: 1 });
const ct = testLog({ size: 1, format: "static-ct" });
const publicKey = ct.publicKey ?? "";

describe("trust in a checkpoint", () => {
  test("comes from every vkey that is given", () => {
    const policy = checkpointPolicy({ format: "tiles", vkey: [vkey, ct.vkey], origin });
    expect(policy).toMatchObject({ verifiers: [{ name: origin }, { name: ct.origin }], origin });
  });

  test("comes from a Static CT log's public key and its origin, however the origin is written", () => {
    for (const written of [ct.origin, `https://${ct.origin}/`]) {
      const policy = checkpointPolicy({ format: "static-ct", publicKey, origin: written });
      expect(policy).toMatchObject({ verifiers: [{ name: ct.origin }], origin: ct.origin });
    }
  });

  test("may be waived, and then by name alone", () => {
    expect(checkpointPolicy({ format: "tiles", insecureNoSignature: true })).toEqual({
      insecureNoSignature: true,
    });
    expect(checkpointPolicy({ format: "tiles", insecureNoSignature: true, origin })).toHaveProperty(
      "origin",
      origin,
    );
  });

  test("is not assumed where nothing was said", () => {
    expect(checkpointPolicy({ format: "tiles" })).toBeUndefined();
    expect(() => requiredPolicy({ format: "tiles" })).toThrow(/Pass --vkey .*--insecure-no-signature/);
    expect(() => requiredPolicy({ format: "static-ct" })).toThrow(/--public-key <base64> with --origin/);
  });

  const refused: [what: string, options: TrustOptions, words: RegExp][] = [
    ["no vkey", { format: "tiles", vkey: ["hello"] }, /^--vkey: is no vkey/],
    ["an empty vkey", { format: "tiles", vkey: [""] }, /^--vkey: is no vkey/],
    [
      "a vkey of another key id",
      { format: "tiles", vkey: [vkey.replace(/\+\w{8}\+/, "+00000000+")] },
      /key id/,
    ],
    ["no public key", { format: "static-ct", publicKey: "AAAA", origin }, /^--public-key: is no public key/],
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
    expect(() => checkpointPolicy(options)).toThrow(UsageFailure);
    expect(() => checkpointPolicy(options)).toThrow(words);
  });
});
