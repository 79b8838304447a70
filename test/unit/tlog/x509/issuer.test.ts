import { hash, X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attempt, FormatError } from "../../../../lib/tlog/errors.ts";
import { isSignedBy, namesMatch, parseIssuer } from "../../../../lib/tlog/x509/issuer.ts";
import { AUTHORITY, certificate, commonName, der, extension, oid, SEQUENCE } from "../../../logs/x509.ts";
import { mutated } from "../../../support/logs/bundles.ts";
import { authorityKeyIdOf, newIssuer, testAuthorities } from "../../../support/logs/certificates.ts";

const AUTHORITIES = testAuthorities("x509");
const CT = "2b06010401d679020404";
const SERVER = "2b06010505070301";

function extendedKeyUsage(...usages: readonly string[]): Buffer {
  return extension("551d25", der(SEQUENCE, ...usages.map(oid)));
}

describe("parseIssuer", () => {
  const made = AUTHORITIES.all.map((issuer) => issuer.der);
  const trusted = rootCertificates.map((pem) => new X509Certificate(pem).raw);

  it.each([
    ["made here", made],
    ["that Node trusts", trusted],
  ])("finds in certificates %s what OpenSSL finds", (_, certificates) => {
    expect(certificates.length).toBeGreaterThan(3);
    for (const bytes of certificates) {
      const oracle = new X509Certificate(bytes);
      const facts = parseIssuer(bytes);
      const keyInfo = oracle.publicKey.export({ format: "der", type: "spki" });
      expect(hex(facts.keyInfo)).toBe(keyInfo.toString("hex"));
      expect(facts.fingerprint).toBe(oracle.fingerprint256.replaceAll(":", "").toLowerCase());
      expect(hex(facts.keyHash)).toBe(hash("sha256", keyInfo));
      expect(hex(facts.subject) === hex(facts.issuerName)).toBe(oracle.subject === oracle.issuer);
      expect(oracle.checkIssued(oracle)).toBe(namesMatch(facts.issuerName, facts.subject));
      expect(facts.isPrecertificateSigner).toBe(bytes === AUTHORITIES.signer.der);
    }
  });

  it("tells who issued whom", () => {
    const { root, intermediate, signer } = AUTHORITIES;
    const facts = parseIssuer(signer.der);
    expect(hex(facts.subject)).toBe(hex(signer.name));
    expect(hex(facts.issuerName)).toBe(hex(intermediate.name));
    const keyId = authorityKeyIdOf(intermediate);
    expect(hex(facts.authorityKeyId)).toBe(hex(keyId.subarray(keyId.length - 24)));
    expect(parseIssuer(root.der).authorityKeyId).toBeUndefined();
  });

  it.each([
    ["an authority for Certificate Transparency", [AUTHORITY, extendedKeyUsage(CT)], true],
    ["one for something else too", [extendedKeyUsage(SERVER, CT), AUTHORITY], true],
    ["an authority for something else", [AUTHORITY, extendedKeyUsage(SERVER)], false],
    ["an authority without usages", [AUTHORITY], false],
    ["nobody's authority", [extendedKeyUsage(CT)], false],
    ["an authority that denies it", [extension("551d13", der(SEQUENCE)), extendedKeyUsage(CT)], false],
    [
      "an authority that says FALSE",
      [extension("551d13", der(SEQUENCE, der(0x01, Buffer.of(0)))), extendedKeyUsage(CT)],
      false,
    ],
    [
      "one that tells a path length alone",
      [extension("551d13", der(SEQUENCE, der(0x02, Buffer.of(1)))), extendedKeyUsage(CT)],
      false,
    ],
    [
      "one whose usages cannot be read",
      [AUTHORITY, extension("551d25", Buffer.from("300606aa", "hex"))],
      false,
    ],
  ])("takes %s for a precertificate signer or not", (_, extensions, expected) => {
    const issuer = newIssuer("usage", AUTHORITIES.root, extensions);
    expect(parseIssuer(issuer.der).isPrecertificateSigner).toBe(expected);
  });

  it("keeps nothing of the buffer that it read, nor more memory than it needs", () => {
    const bytes = Buffer.from(AUTHORITIES.signer.der);
    const facts = parseIssuer(bytes);
    const before = structuredClone(facts);
    bytes.fill(0);
    expect(facts).toEqual(before);
    for (const value of Object.values(facts)) {
      if (value instanceof Uint8Array) expect(value.buffer.byteLength).toBe(value.length);
    }
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["a certificate with a byte after it", Buffer.concat([AUTHORITIES.root.der, Buffer.of(0)])],
    ["a certificate that is cut off", AUTHORITIES.root.der.subarray(0, -1)],
    ["a certificate without a TBSCertificate", certificate(der(0x04), der(SEQUENCE), Buffer.alloc(64))],
    ["a name", commonName("Nobody")],
    ["PEM", Buffer.from(rootCertificates[0] as string)],
  ])("refuses %s", (_, bytes) => {
    expect(() => parseIssuer(bytes)).toThrow(FormatError);
  });

  it("throws nothing but FormatError, whatever the bytes", () => {
    const certificates = fc.constantFrom(...made, ...trusted.slice(0, 5));
    fc.assert(
      fc.property(certificates, fc.infiniteStream(fc.nat()), (bytes, choices) => {
        attempt(() => parseIssuer(mutated(bytes, choices)));
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(() => parseIssuer(bytes)).toThrow(FormatError);
      }),
    );
  });
});

describe("isSignedBy", () => {
  const { intermediate, root, otherRoot } = AUTHORITIES;

  it("believes the key that has signed, and no other", () => {
    expect(isSignedBy(intermediate.der, root.keyInfo)).toBe(true);
    expect(isSignedBy(intermediate.der, otherRoot.keyInfo)).toBe(false);
  });

  it("believes nothing that cannot be read", () => {
    expect(isSignedBy(intermediate.der.subarray(1), root.keyInfo)).toBe(false);
    expect(isSignedBy(intermediate.der, root.keyInfo.subarray(1))).toBe(false);
  });
});

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString("hex");
}
