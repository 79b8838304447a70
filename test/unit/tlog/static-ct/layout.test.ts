import { createHash, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { EntrySpan } from "../../../../lib/tlog/entry.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { hashBundle } from "../../../../lib/tlog/hasher/hasher.ts";
import { STATIC_CT_ENTRIES } from "../../../../lib/tlog/static-ct/layout.ts";
import { testLog } from "../../../support/logs/generated-log.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

// LeafData and MerkleLeafHash of two entries by github.com/transparency-dev/tessera v1.0.4, ctonly, cut where
// the leaf ends: a certificate at index 0 with a chain of two, a precertificate at index 1 with a chain of one.
const CERTIFICATE = {
  leaf: "0000019b76daa87b000000000d612063657274696669636174650008" + "0000050000000000",
  rest: `0040${"aa".repeat(32)}${"bb".repeat(32)}`,
  leafHash: "5b1284030d51edaba02e9b84022300775d08b3ce328d2a0e59271afed18d1fe9",
};
const PRECERTIFICATE = {
  leaf: `0000019b76daa9c80001${"cc".repeat(32)}00001061205442534365727469666963617465${"0008" + "0000050000000001"}`,
  rest: `00001f746865207072656365727469666963617465206173207375626d69747465640020${"aa".repeat(32)}`,
  leafHash: "d593769da456cebb44133bccb19a1c9bbc1a934f8bd908e781f3127905d0281a",
};

describe("entries of Static CT data tiles", () => {
  it("hash as Tessera's ctonly hashes them", () => {
    const bundle = hexBytes(CERTIFICATE.leaf, CERTIFICATE.rest, PRECERTIFICATE.leaf, PRECERTIFICATE.rest);
    const { leafHashes } = hashBundle("static-ct", bundle, 2);
    expect(Buffer.from(leafHashes).toString("hex")).toBe(CERTIFICATE.leafHash + PRECERTIFICATE.leafHash);
  });

  it.each([
    ["certificate", CERTIFICATE],
    ["precertificate", PRECERTIFICATE],
  ])("a %s's leaf ends after its extensions, the entry after its chain", (_, { leaf, rest }) => {
    const span: EntrySpan = { leafStart: 0, leafEnd: 0, entryEnd: 0 };
    STATIC_CT_ENTRIES.readEntry(hexBytes("ffff", leaf, rest, "ffff"), 2, span);
    const leafEnd = 2 + leaf.length / 2;
    expect(span).toEqual({ leafStart: 2, leafEnd, entryEnd: leafEnd + rest.length / 2 });
  });

  it("are refused where their type is neither certificate nor precertificate", () => {
    const unknown = hexBytes(CERTIFICATE.leaf.replace("87b0000", "87b0002"), CERTIFICATE.rest);
    expect(() => hashBundle("static-ct", unknown, 1)).toThrow(FormatError);
    expect(() => hashBundle("static-ct", unknown, 1)).toThrow("entry 0 of the bundle is of an unknown type");
  });

  it("are refused where a chain is not made of whole fingerprints", () => {
    const bundle = hexBytes(CERTIFICATE.leaf, `001f${"aa".repeat(31)}`);
    expect(() => hashBundle("static-ct", bundle, 1)).toThrow("is not made of fingerprints");
  });

  it("are taken without a chain", () => {
    expect(() => hashBundle("static-ct", hexBytes(CERTIFICATE.leaf, "0000"), 1)).not.toThrow();
  });

  it.each([
    [9, "entry type"],
    [12, "certificate"],
    [20, "certificate"],
    [27, "extensions"],
    [30, "extensions"],
    [36, "certificate chain"],
    [100, "certificate chain"],
  ])("cut off after %i bytes, are refused by the name of the field that is cut: %s", (length, field) => {
    const bundle = hexBytes(CERTIFICATE.leaf, CERTIFICATE.rest).subarray(0, length);
    expect(() => hashBundle("static-ct", bundle, 1)).toThrow(`over the end of the bundle in its ${field}`);
  });
});

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
