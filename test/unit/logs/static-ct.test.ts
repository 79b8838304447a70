import { createHash, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { testLog } from "../../support/logs/generated-log.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("generated Static CT logs", () => {
  const log = testLog({ size: 40, format: "static-ct" });

  it("hold certificates that parse, each with a name of its own", () => {
    const names = [1, 2, 17].map((index) => {
      const entry = log.entry(index);
      return new X509Certificate(entry.subarray(13, 13 + entry.readUIntBE(10, 3))).subjectAltName;
    });
    expect(names).toEqual(
      ["000000000001", "000000000002", "000000000017"].map((number) => `DNS:host-${number}.example.com`),
    );
  });

  it("name issuers in their chains that are there and hash to their fingerprints", () => {
    for (const index of [0, 1, 16]) {
      const entry = log.entry(index);
      const chain = entry.subarray(-64).toString("hex");
      for (const fingerprint of [chain.slice(0, 64), chain.slice(64)]) {
        const issuer = log.object(`issuer/${fingerprint}`);
        expect(sha256(issuer)).toBe(fingerprint);
        expect(new X509Certificate(issuer).ca).toBe(true);
      }
    }
  });

  it("hold precertificates that give the logged TBSCertificate without their poison", () => {
    const entry = log.entry(16);
    const logged = vectorAt(entry, 42, 3);
    const submitted = vectorAt(entry, 42 + 3 + logged.length + 2 + 8, 3);
    // Both have the same bytes up to the extensions, and the same extensions but the poison (RFC 6962 section
    // 3.1), which is the last: only the lengths around them differ.
    const poison = hexBytes("3013060a2b06010401d6790204030101ff04020500");
    const firstExtension = hexBytes("300e0603551d0f");
    const keyInfoEnd = logged.indexOf(hexBytes("0203010001")) + 5;
    const tbs = submitted.subarray(4);
    expect(tbs.subarray(4, keyInfoEnd).equals(logged.subarray(4, keyInfoEnd))).toBe(true);
    const extensions = Buffer.concat([logged.subarray(logged.indexOf(firstExtension)), poison]);
    const start = tbs.indexOf(firstExtension);
    expect(tbs.subarray(start, start + extensions.length).equals(extensions)).toBe(true);
    expect(new X509Certificate(submitted).subjectAltName).toBe("DNS:host-000000000016.example.com");
    const issuer = log.object(`issuer/${entry.subarray(-64, -32).toString("hex")}`);
    const key = new X509Certificate(issuer).publicKey.export({ format: "der", type: "spki" });
    expect(sha256(key)).toBe(entry.subarray(10, 42).toString("hex"));
  });
});

function hexBytes(...parts: readonly string[]): Buffer {
  return Buffer.from(parts.join(""), "hex");
}

function vectorAt(bytes: Buffer, at: number, lengthSize: number): Buffer {
  const start = at + lengthSize;
  return bytes.subarray(start, start + bytes.readUIntBE(at, lengthSize));
}
