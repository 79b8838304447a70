/**
 * Precertificates of every make that logs accept, each with the TBSCertificates that logs make of it: written down
 * here from the fields, by what RFC 6962 §3.2 says and by what the builders of logs do.
 */

import { AUTHORITY, commonName, der, oid, SEQUENCE, SERVER_AUTH, utcTime } from "../../logs/x509.ts";
import {
  authorityKeyIdOf,
  CT_SIGNING,
  hostFields,
  hostNames,
  newIssuer,
  POISON,
  type TestIssuer,
  testAuthorities,
} from "./certificates.ts";

export interface PrecertificateCase {
  readonly name: string;
  /** DER of the precertificate. */
  readonly submitted: Buffer;
  /** What a log may make of it. */
  readonly logged: readonly Buffer[];
  /** Its issuers. */
  readonly chain: readonly TestIssuer[];
  /** The first of them, where that is a precertificate signing certificate. */
  readonly signer?: TestIssuer;
  /** What has become of the bytes on the way. */
  readonly match: "same" | "re-encoded";
}

const NONE = Buffer.alloc(0);
const FALSE = der(0x01, Buffer.of(0));
const TRUE = der(0x01, Buffer.of(0xff));
const SERVER_USAGE = der(0x04, der(SEQUENCE, oid("2b06010505070301")));
const KEY_ID = oid("551d23");
const { intermediate, signer, root } = testAuthorities("precertificate cases");
const NAMES = hostNames(1);
const OWN_KEY_ID = authorityKeyIdOf(intermediate);

/** A precertificate signing certificate that does not tell its issuer's key. */
const signerWithoutKeyId = newIssuer("signer without a key id", root, [AUTHORITY, CT_SIGNING], false);

/** A TBSCertificate of these fields, or of a host's where they are not given. */
interface Fields {
  readonly version?: Buffer;
  readonly serial?: Buffer;
  readonly issuerName?: Buffer;
  readonly validity?: Buffer;
  readonly subject?: Buffer;
  readonly uniqueIds?: Buffer;
  readonly extensions?: readonly Buffer[];
  /** The whole field of the extensions. */
  readonly extensionsField?: Buffer;
  readonly more?: Buffer;
}

function tbsOf(issuer: TestIssuer, fields: Fields): Buffer {
  const host = hostFields(1, issuer, []);
  const extensions = fields.extensions ?? [];
  return der(
    SEQUENCE,
    fields.version ?? der(0xa0, der(0x02, Buffer.of(2))),
    fields.serial ?? der(0x02, host.serial),
    host.algorithm,
    fields.issuerName ?? host.issuerName,
    fields.validity ?? host.validity,
    fields.subject ?? host.subject,
    host.keyInfo,
    fields.uniqueIds ?? NONE,
    fields.extensionsField ?? der(0xa3, der(SEQUENCE, ...extensions)),
    fields.more ?? NONE,
  );
}

/** A case without a signing certificate. */
function issued(
  name: string,
  match: "same" | "re-encoded",
  submitted: Fields,
  ...logged: readonly Fields[]
): PrecertificateCase {
  return {
    name,
    match,
    chain: [intermediate, root],
    submitted: intermediate.certify(tbsOf(intermediate, submitted)),
    logged: logged.map((fields) => tbsOf(intermediate, fields)),
  };
}

/** A case with a signing certificate, by its extensions before and after. */
function signedOnBehalf(
  name: string,
  match: "same" | "re-encoded",
  by: TestIssuer,
  submitted: readonly Buffer[],
  ...logged: readonly Fields[]
): PrecertificateCase {
  const authorities = by === signer ? [intermediate, root] : [root];
  const issuerName = authorities[0]?.name as Buffer;
  return {
    name,
    match,
    chain: [by, ...authorities],
    signer: by,
    submitted: by.certify(tbsOf(by, { extensions: submitted })),
    logged: logged.map((fields) => tbsOf(by, { issuerName, ...fields })),
  };
}

/** Fields with the plain extensions, before and after the poison is taken out. */
function withPlainExtensions(before: Fields, after: Fields): [Fields, Fields] {
  return [
    { ...before, extensions: [SERVER_AUTH, POISON, NAMES] },
    { ...after, extensions: [SERVER_AUTH, NAMES] },
  ];
}

/** A plain precertificate, put together by somebody else from TBSCertificate, algorithm and signature. */
function resealed(seal: (parts: [Buffer, Buffer, Buffer]) => Buffer): Buffer {
  const [before] = withPlainExtensions({}, {});
  const tbs = tbsOf(intermediate, before);
  const plain = intermediate.certify(tbs);
  // An Ed25519 signature: 64 bytes in a BIT STRING, after an algorithm of 5 bytes.
  const signature = plain.subarray(-67);
  return seal([tbs, plain.subarray(-67 - 7, -67), signature]);
}

/** An element whose length has octets that it need not have. */
export function withLongLength(element: Buffer): Buffer {
  const content = element.subarray(element[1] === 0x81 ? 3 : element[1] === 0x82 ? 4 : 2);
  return Buffer.concat([
    element.subarray(0, 1),
    Buffer.of(0x83, 0, content.length >> 8, content.length & 0xff),
    content,
  ]);
}

const time = (text: string): Buffer => der(0x18, Buffer.from(text));
const validity = (...times: readonly Buffer[]): Fields => ({ validity: der(SEQUENCE, ...times) });
const attribute = (identifier: string, value: string): Buffer =>
  der(SEQUENCE, oid(identifier), der(0x0c, Buffer.from(value)));
const keyIdOf = (issuer: TestIssuer, ...critical: readonly Buffer[]): Buffer =>
  der(SEQUENCE, KEY_ID, ...critical, der(0x04, der(SEQUENCE, der(0x80, issuer.keyIdentifier))));

const SAME: readonly PrecertificateCase[] = [
  issued("poison in the middle", "same", ...withPlainExtensions({}, {})),
  issued("poison first", "same", { extensions: [POISON, NAMES] }, { extensions: [NAMES] }),
  issued("poison last", "same", { extensions: [NAMES, POISON] }, { extensions: [NAMES] }),
  issued("poison alone", "same", { extensions: [POISON] }, { extensions: [] }, { extensionsField: NONE }),
  issued(
    "unique identifiers",
    "same",
    ...withPlainExtensions(
      { uniqueIds: Buffer.concat([der(0x81, Buffer.of(0, 1)), der(0x82, Buffer.of(0, 2))]) },
      { uniqueIds: Buffer.concat([der(0x81, Buffer.of(0, 1)), der(0x82, Buffer.of(0, 2))]) },
    ),
  ),
  issued(
    "times after 2049",
    "same",
    ...withPlainExtensions(
      validity(utcTime("260101000000Z"), time("20600101000000Z")),
      validity(utcTime("260101000000Z"), time("20600101000000Z")),
    ),
  ),
  issued(
    "a name whose parts are in no order",
    "same",
    ...withPlainExtensions(
      { subject: der(SEQUENCE, der(0x31, attribute("55040b", "b"), attribute("550403", "a"))) },
      { subject: der(SEQUENCE, der(0x31, attribute("55040b", "b"), attribute("550403", "a"))) },
    ),
  ),
  signedOnBehalf("key identifier replaced", "same", signer, [keyIdOf(signer), NAMES, POISON], {
    extensions: [OWN_KEY_ID, NAMES],
  }),
  signedOnBehalf("critical key identifier replaced", "same", signer, [NAMES, keyIdOf(signer, TRUE), POISON], {
    extensions: [NAMES, keyIdOf(intermediate, TRUE)],
  }),
  signedOnBehalf(
    "first of two key identifiers replaced",
    "same",
    signer,
    [keyIdOf(root), POISON, keyIdOf(signer)],
    {
      extensions: [OWN_KEY_ID, keyIdOf(signer)],
    },
  ),
  // Google's first log software leaves out what BuildPrecertTBS adds.
  signedOnBehalf(
    "key identifier added",
    "same",
    signer,
    [POISON, NAMES],
    { extensions: [NAMES, OWN_KEY_ID] },
    { extensions: [NAMES] },
  ),
  signedOnBehalf("key identifier removed", "same", signerWithoutKeyId, [keyIdOf(root), POISON, NAMES], {
    extensions: [NAMES],
  }),
  signedOnBehalf(
    "key identifier removed, and nothing left",
    "same",
    signerWithoutKeyId,
    [keyIdOf(root), POISON],
    { extensions: [] },
    { extensionsField: NONE },
  ),
  signedOnBehalf("no key identifiers", "same", signerWithoutKeyId, [NAMES, POISON], { extensions: [NAMES] }),
];

const RE_ENCODED: readonly PrecertificateCase[] = [
  issued(
    "critical: FALSE",
    "re-encoded",
    { extensions: [der(SEQUENCE, oid("551d25"), FALSE, SERVER_USAGE), POISON] },
    { extensions: [SERVER_AUTH] },
  ),
  issued(
    "critical: TRUE as 1",
    "re-encoded",
    { extensions: [der(SEQUENCE, oid("551d25"), der(0x01, Buffer.of(1)), SERVER_USAGE), POISON] },
    { extensions: [der(SEQUENCE, oid("551d25"), TRUE, SERVER_USAGE)] },
  ),
  issued(
    "GeneralizedTime before 2050",
    "re-encoded",
    ...withPlainExtensions(
      validity(time("20260101000000Z"), time("20260401000000Z")),
      validity(utcTime("260101000000Z"), utcTime("260401000000Z")),
    ),
  ),
  issued(
    "GeneralizedTime from 1950 to 1999",
    "re-encoded",
    ...withPlainExtensions(
      validity(time("19500101000000Z"), time("20491231235959Z")),
      validity(utcTime("500101000000Z"), utcTime("491231235959Z")),
    ),
  ),
  issued(
    "GeneralizedTime of 1949 beside one of 2026",
    "re-encoded",
    ...withPlainExtensions(
      validity(time("19491231235959Z"), time("20260401000000Z")),
      validity(time("19491231235959Z"), utcTime("260401000000Z")),
    ),
  ),
  issued(
    "UTCTime without seconds",
    "re-encoded",
    ...withPlainExtensions(
      validity(utcTime("2601010000Z"), utcTime("2604010000+0100")),
      validity(utcTime("260101000000Z"), utcTime("260401000000+0100")),
    ),
  ),
  issued(
    "an identifier with a leading zero",
    "re-encoded",
    { extensions: [der(SEQUENCE, oid("80551d25"), SERVER_USAGE), POISON, NAMES] },
    { extensions: [SERVER_AUTH, NAMES] },
  ),
  issued(
    "version 1, written out",
    "re-encoded",
    ...withPlainExtensions({ version: der(0xa0, der(0x02, Buffer.of(0))) }, { version: NONE }),
  ),
  issued(
    "an element after the list of extensions",
    "re-encoded",
    { extensionsField: der(0xa3, der(SEQUENCE, POISON, NAMES), der(0x05)) },
    { extensions: [NAMES] },
  ),
  {
    ...issued("an element after the signature", "re-encoded", ...withPlainExtensions({}, {})),
    submitted: resealed((parts) => der(SEQUENCE, ...parts, der(0x05))),
  },
  {
    ...issued("a long length of the certificate", "re-encoded", ...withPlainExtensions({}, {})),
    submitted: resealed((parts) => withLongLength(der(SEQUENCE, ...parts))),
  },
  {
    ...issued("a long length of the TBSCertificate", "re-encoded", ...withPlainExtensions({}, {})),
    submitted: resealed(([tbs, ...rest]) => der(SEQUENCE, withLongLength(tbs), ...rest)),
  },
  issued("a field too many", "re-encoded", ...withPlainExtensions({ more: der(0x05) }, {})),
  issued(
    "an extension with an element too many",
    "re-encoded",
    { extensions: [der(SEQUENCE, oid("551d25"), SERVER_USAGE, der(0x05)), POISON] },
    { extensions: [SERVER_AUTH] },
  ),
  issued(
    "a time too many",
    "re-encoded",
    ...withPlainExtensions(
      validity(utcTime("260101000000Z"), utcTime("260401000000Z"), der(0x05)),
      validity(utcTime("260101000000Z"), utcTime("260401000000Z")),
    ),
  ),
  issued(
    "a serial number with a leading zero",
    "re-encoded",
    ...withPlainExtensions({ serial: der(0x02, Buffer.of(0, 1)) }, { serial: der(0x02, Buffer.of(1)) }),
  ),
  issued(
    "long lengths of extensions",
    "re-encoded",
    {
      extensionsField: withLongLength(
        der(0xa3, withLongLength(der(SEQUENCE, withLongLength(NAMES), POISON))),
      ),
    },
    { extensions: [NAMES] },
  ),
  issued(
    "long lengths in a name",
    "re-encoded",
    ...withPlainExtensions({ subject: withLongLength(commonName("host")) }, { subject: commonName("host") }),
  ),
  issued(
    "poison with a critical flag of 1",
    "re-encoded",
    { extensions: [NAMES, Buffer.from(POISON.toString("hex").replace("0101ff", "010101"), "hex")] },
    { extensions: [NAMES] },
  ),
  signedOnBehalf(
    "key identifier with critical: FALSE",
    "re-encoded",
    signer,
    [keyIdOf(signer, FALSE), NAMES, POISON],
    { extensions: [OWN_KEY_ID, NAMES] },
  ),
  signedOnBehalf(
    "critical: FALSE under a signing certificate",
    "re-encoded",
    signer,
    [POISON, der(SEQUENCE, oid("551d25"), FALSE, SERVER_USAGE), keyIdOf(signer)],
    { extensions: [SERVER_AUTH, OWN_KEY_ID] },
  ),
];

export const PRECERTIFICATE_CASES: readonly PrecertificateCase[] = [...SAME, ...RE_ENCODED];
