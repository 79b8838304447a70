/** Issuers: the facts on which checks of Static CT entries depend (https://c2sp.org/static-ct-api#issuers), and names. */

import { createPublicKey, hash, X509Certificate } from "node:crypto";
import { attempt } from "../errors.ts";
import { equalBytes } from "../merkle.ts";
import { Certificate, readExtension, type TbsCertificate } from "./certificate.ts";
import { childrenOf, type DerPart, TAG } from "./der.ts";

/** Contents of object identifiers. */
export const OID = {
  /** RFC 6962 §3.1: marks a precertificate. */
  poison: Uint8Array.of(0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x03),
  authorityKeyId: Uint8Array.of(0x55, 0x1d, 0x23),
  basicConstraints: Uint8Array.of(0x55, 0x1d, 0x13),
  extendedKeyUsage: Uint8Array.of(0x55, 0x1d, 0x25),
  /** RFC 6962 §3.1: the extended key usage of a precertificate signing certificate. */
  certificateTransparency: Uint8Array.of(0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x04),
} as const;

const UTF8_STRING = 0x0c;
const BMP_STRING = 0x1e;
/** NumericString, PrintableString, TeletexString, IA5String and VisibleString, all read as Latin-1. */
const LATIN1_STRINGS: ReadonlySet<number> = new Set([0x12, 0x13, 0x14, 0x16, 0x1a]);

/** The facts about one issuer: copies, plain data, to be kept for long and sent to other threads. */
export interface IssuerFacts {
  /** SHA-256 of its DER, which identifies it in chains, in hexadecimal. */
  readonly fingerprint: string;
  /** SubjectPublicKeyInfo, as it is in the certificate. */
  readonly keyInfo: Uint8Array;
  /** SHA-256 of `keyInfo`: the issuer_key_hash of precertificate entries. */
  readonly keyHash: Uint8Array;
  /** DER of its subject, and of the name of its own issuer. */
  readonly subject: Uint8Array;
  readonly issuerName: Uint8Array;
  /** Content of the OCTET STRING of its authority key identifier extension; undefined where it has none. */
  readonly authorityKeyId: Uint8Array | undefined;
  /** Whether it may sign precertificates, and only these, for the authority that issued it (RFC 6962 §3.1). */
  readonly isPrecertificateSigner: boolean;
}

/** Reads an issuer. @throws FormatError if the bytes are not exactly one certificate. */
export function parseIssuer(der: Uint8Array): IssuerFacts {
  const certificate = new Certificate();
  certificate.read(der, 0, der.length);
  const { tbs } = certificate;
  const keyInfo = der.subarray(tbs.keyInfoStart, tbs.keyInfoEnd);
  const authorityKeyId = extensionValue(der, tbs, OID.authorityKeyId);
  return {
    fingerprint: hash("sha256", der),
    keyInfo: new Uint8Array(keyInfo),
    // Copies: node:crypto returns small Buffers that share memory, all of which would be sent to another thread.
    keyHash: new Uint8Array(hash("sha256", keyInfo, "buffer")),
    subject: new Uint8Array(der.subarray(tbs.subjectStart, tbs.keyInfoStart)),
    issuerName: new Uint8Array(der.subarray(tbs.issuerStart, tbs.validityStart)),
    authorityKeyId: authorityKeyId && new Uint8Array(authorityKeyId),
    isPrecertificateSigner: isAuthority(der, tbs) && isForCertificateTransparency(der, tbs),
  };
}

/** The content of the first extension with this identifier, as a view; undefined where there is none. */
export function extensionValue(
  bytes: Uint8Array,
  tbs: Readonly<TbsCertificate>,
  identifier: Uint8Array,
): Uint8Array | undefined {
  for (let at = tbs.extensionsStart; at < tbs.extensionsEnd; ) {
    const extension = readExtension(bytes, at, tbs.extensionsEnd);
    if (equalBytes(bytes.subarray(extension.identifierStart, extension.criticalStart), identifier)) {
      return bytes.subarray(extension.valueContentStart, extension.valueEnd);
    }
    at = extension.end;
  }
  return undefined;
}

/** Whether its basic constraints make it an authority (RFC 5280 §4.2.1.9). @throws FormatError */
export function isAuthority(bytes: Uint8Array, tbs: Readonly<TbsCertificate>): boolean {
  const [first] = elementsOf(extensionValue(bytes, tbs, OID.basicConstraints));
  return first?.tag === TAG.BOOLEAN && first.content.length === 1 && first.content[0] !== 0;
}

function isForCertificateTransparency(bytes: Uint8Array, tbs: Readonly<TbsCertificate>): boolean {
  const usages = elementsOf(extensionValue(bytes, tbs, OID.extendedKeyUsage));
  return usages.some(({ content }) => equalBytes(content, OID.certificateTransparency));
}

/** The elements of an extension's value, up to one that cannot be read: the certificate is one all the same. */
function elementsOf(sequence: Uint8Array = new Uint8Array()): DerPart[] {
  const elements: DerPart[] = [];
  attempt(() => childrenOf(sequence, TAG.SEQUENCE, "SEQUENCE", elements));
  return elements;
}

/**
 * Whether a certificate is signed by the key in `keyInfo`. Also false where OpenSSL cannot read one of them, or does
 * not know the algorithm: then no log could have verified it.
 */
export function isSignedBy(certificate: Uint8Array, keyInfo: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(keyInfo), format: "der", type: "spki" });
    return new X509Certificate(certificate).verify(key);
  } catch {
    return false;
  }
}

/**
 * Whether two DER Names are equal, or differ only in the kinds of their strings, in capitals, in runs of spaces and in
 * the order of the parts of one RelativeDistinguishedName. Most logs compare bytes; some compare the meaning as RFC
 * 5280 §7.1 does, so a check of what such a log accepted must do the same.
 */
export function namesMatch(a: Uint8Array, b: Uint8Array): boolean {
  return equalBytes(a, b) || attempt(() => meaningOfName(a) === meaningOfName(b)) === true;
}

/** A text that is the same for names that match. @throws FormatError */
function meaningOfName(name: Uint8Array): string {
  return JSON.stringify(
    childrenOf(name, TAG.SEQUENCE, "name").map((set) =>
      childrenOf(set.bytes, TAG.SET, "part of a name")
        .map((attribute) => childrenOf(attribute.bytes, TAG.SEQUENCE, "attribute").map(meaningOfPart))
        .sort(),
    ),
  );
}

/** The meaning of an attribute's identifier or value: its bytes where it is not a string. */
function meaningOfPart({ tag, content, bytes }: DerPart): string {
  if (tag === UTF8_STRING) return foldedText(Buffer.from(content).toString("utf8"));
  if (tag === BMP_STRING && content.length % 2 === 0) {
    return foldedText(Buffer.from(content).swap16().toString("utf16le"));
  }
  if (LATIN1_STRINGS.has(tag)) return foldedText(Buffer.from(content).toString("latin1"));
  return `#${Buffer.from(bytes).toString("hex")}`;
}

function foldedText(text: string): string {
  return `=${text.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ")}`;
}
