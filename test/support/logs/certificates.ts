/**
 * Certificates that logs accept, made from a seed: authorities with real keys (Ed25519: the same seed gives the
 * same signatures), what they issue, and the entries of Static CT logs that follow. What a log signs of a
 * precertificate is built here from the fields, never taken from what was submitted.
 */

import { createPrivateKey, createPublicKey, hash, type KeyObject, sign } from "node:crypto";
import {
  AUTHORITY,
  certificate,
  commonName,
  der,
  extension,
  oid,
  SEQUENCE,
  SERVER_AUTH,
  type TbsCertificate,
  tbsCertificate,
  utcTime,
} from "../../logs/x509.ts";

const ED25519 = der(SEQUENCE, oid("2b6570"));
const ED25519_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const VALIDITY = der(SEQUENCE, utcTime("260101000000Z"), utcTime("260401000000Z"));
/** Extended key usage of a precertificate signing certificate. */
export const CT_SIGNING = extension("551d25", der(SEQUENCE, oid("2b06010401d679020404")), true);
const FIRST_TIMESTAMP = Date.UTC(2026, 0, 1);
const FALSE = Buffer.from([0x00]);

/** Makes a precertificate of a certificate (RFC 6962 §3.1). */
export const POISON = extension("2b06010401d679020403", der(0x05), true);

const KEY_USAGE = extension("551d0f", Buffer.from("030205a0", "hex"), true);
/** SERVER_AUTH with its `critical DEFAULT FALSE` written out: no strict DER, though some authorities write so. */
export const SERVER_AUTH_WITH_FALSE = der(
  SEQUENCE,
  oid("551d25"),
  der(0x01, FALSE),
  der(0x04, der(SEQUENCE, oid("2b06010505070301"))),
);

export interface TestIssuer {
  readonly name: Buffer;
  readonly keyInfo: Buffer;
  readonly keyHash: Buffer;
  /** What its subject key identifier holds. */
  readonly keyIdentifier: Buffer;
  readonly der: Buffer;
  readonly fingerprint: string;
  certify(tbs: Buffer): Buffer;
}

export interface TestAuthorities {
  readonly root: TestIssuer;
  /** Issued by `root`. */
  readonly intermediate: TestIssuer;
  /** The precertificate signing certificate of `intermediate` (RFC 6962 §3.1). */
  readonly signer: TestIssuer;
  /** Another root, and a certificate of it for the name and key of `root`. */
  readonly otherRoot: TestIssuer;
  readonly crossSigned: TestIssuer;
  readonly all: readonly TestIssuer[];
}

export function testAuthorities(seed: string): TestAuthorities {
  const root = newIssuer(`${seed} Root`, undefined, [AUTHORITY]);
  const intermediate = newIssuer(`${seed} Intermediate`, root, [AUTHORITY]);
  const signer = newIssuer(`${seed} Signer`, intermediate, [AUTHORITY, CT_SIGNING]);
  const otherRoot = newIssuer(`${seed} Other Root`, undefined, [AUTHORITY]);
  const crossSigned = newIssuer(`${seed} Root`, otherRoot, [AUTHORITY]);
  return {
    root,
    intermediate,
    signer,
    otherRoot,
    crossSigned,
    all: [root, intermediate, signer, otherRoot, crossSigned],
  };
}

/**
 * An issuer whose key follows from its name; without a parent, it signs itself.
 *
 * @param authorityKeyId whether it tells its parent's key, as all but roots do.
 */
export function newIssuer(
  name: string,
  parent: TestIssuer | undefined,
  extensions: readonly Buffer[],
  authorityKeyId = parent !== undefined,
): TestIssuer {
  const key = privateKey(name);
  const keyInfo = createPublicKey(key).export({ format: "der", type: "spki" });
  const keyIdentifier = hash("sha256", keyInfo, "buffer").subarray(0, 20);
  const certify = (tbs: Buffer) => certificate(tbs, ED25519, sign(null, tbs, key));
  const subjectKeyId = extension("551d0e", der(0x04, keyIdentifier));
  const parentKeyId = parent !== undefined && authorityKeyId ? [authorityKeyIdOf(parent)] : [];
  const tbs = tbsCertificate({
    serial: Buffer.from([1]),
    algorithm: ED25519,
    issuerName: parent?.name ?? commonName(name),
    validity: VALIDITY,
    subject: commonName(name),
    keyInfo,
    extensions: Buffer.concat([...extensions, subjectKeyId, ...parentKeyId]),
  });
  const bytes = parent === undefined ? certify(tbs) : parent.certify(tbs);
  const fingerprint = hash("sha256", bytes);
  const keyHash = hash("sha256", keyInfo, "buffer");
  return { name: commonName(name), keyInfo, keyHash, keyIdentifier, der: bytes, fingerprint, certify };
}

function privateKey(seed: string): KeyObject {
  const key = Buffer.concat([ED25519_PKCS8, hash("sha256", seed, "buffer")]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

/** The authority key identifier extension of what an issuer issues. */
export function authorityKeyIdOf(issuer: TestIssuer): Buffer {
  return extension("551d23", der(SEQUENCE, der(0x80, issuer.keyIdentifier)));
}

/** The fields of a host's certificate, which the host's number makes different from all others. */
export function hostFields(
  number: number,
  issuer: TestIssuer,
  extensions: readonly Buffer[],
): TbsCertificate {
  const host = `host-${number}.example.com`;
  return {
    serial: Buffer.concat([Buffer.from([0x04]), hash("sha256", host, "buffer").subarray(0, 17)]),
    algorithm: ED25519,
    issuerName: issuer.name,
    validity: VALIDITY,
    subject: commonName(host),
    keyInfo: createPublicKey(privateKey(host)).export({ format: "der", type: "spki" }),
    extensions: Buffer.concat(extensions),
  };
}

export function hostNames(number: number): Buffer {
  return extension("551d11", der(SEQUENCE, der(0x82, Buffer.from(`host-${number}.example.com`))));
}

export interface EntryParts {
  readonly timestamp: number;
  readonly extensions: Buffer;
  /** The certificate, or the TBSCertificate of a precertificate. */
  readonly signed: Buffer;
  readonly submitted?: { readonly precertificate: Buffer; readonly issuerKeyHash: Buffer } | undefined;
  readonly chain: readonly TestIssuer[];
}

/** An entry as it stands in a data tile (https://c2sp.org/static-ct-api#log-entries). */
export function staticCtEntry({ timestamp, extensions, signed, submitted, chain }: EntryParts): Buffer {
  const fingerprints = chain.map(({ fingerprint }) => Buffer.from(fingerprint, "hex"));
  return Buffer.concat([
    uint(timestamp, 8),
    uint(submitted === undefined ? 0 : 1, 2),
    submitted?.issuerKeyHash ?? Buffer.alloc(0),
    vector(3, signed),
    vector(2, extensions),
    submitted === undefined ? Buffer.alloc(0) : vector(3, submitted.precertificate),
    vector(2, Buffer.concat(fingerprints)),
  ]);
}

/** CtExtensions with a leaf_index alone. */
export function leafIndexExtension(index: number): Buffer {
  return Buffer.concat([uint(0, 1), vector(2, uint(index, 5))]);
}

export const ENTRY_KINDS = [
  "certificate",
  /** A root that was submitted alone: its chain is empty. */
  "root",
  "precertificate",
  /** A precertificate that a precertificate signing certificate has signed. */
  "precertificate signed on behalf",
  /** A precertificate that is no strict DER, which the log has encoded again. */
  "re-encoded precertificate",
] as const;

export type EntryKind = (typeof ENTRY_KINDS)[number];

/** What entry `index` of a log with these authorities is made of. Other kinds make other entries. */
export function entryParts(authorities: TestAuthorities, kind: EntryKind, index: number): EntryParts {
  const { root, intermediate, signer } = authorities;
  const common = { timestamp: FIRST_TIMESTAMP + index, extensions: leafIndexExtension(index) };
  const keyId = authorityKeyIdOf(intermediate);
  const names = hostNames(index);
  const certified = tbsCertificate(hostFields(index, intermediate, [KEY_USAGE, SERVER_AUTH, keyId, names]));
  const precertificate = (
    issuer: TestIssuer,
    extensions: readonly Buffer[],
    chain: readonly TestIssuer[],
  ) => {
    const tbs = tbsCertificate(hostFields(index, issuer, extensions));
    const submitted = { precertificate: issuer.certify(tbs), issuerKeyHash: intermediate.keyHash };
    return { ...common, signed: certified, submitted, chain };
  };
  switch (kind) {
    case "certificate":
      return { ...common, signed: intermediate.certify(certified), chain: [intermediate, root] };
    case "root":
      return { ...common, signed: root.der, chain: [] };
    case "precertificate":
      return precertificate(
        intermediate,
        [KEY_USAGE, SERVER_AUTH, POISON, keyId, names],
        [intermediate, root],
      );
    case "precertificate signed on behalf":
      return precertificate(
        signer,
        [KEY_USAGE, SERVER_AUTH, authorityKeyIdOf(signer), names, POISON],
        [signer, intermediate, root],
      );
    case "re-encoded precertificate":
      return precertificate(
        intermediate,
        [KEY_USAGE, SERVER_AUTH_WITH_FALSE, keyId, names, POISON],
        [intermediate, root],
      );
  }
}

export function entryOf(authorities: TestAuthorities, kind: EntryKind, index: number): Buffer {
  return staticCtEntry(entryParts(authorities, kind, index));
}

function vector(lengthSize: number, content: Buffer): Buffer {
  return Buffer.concat([uint(content.length, lengthSize), content]);
}

function uint(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(value, Math.max(0, size - 6), Math.min(size, 6));
  return bytes;
}
