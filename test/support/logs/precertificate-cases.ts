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
  readonly submitted: Buffer;
  /** What a log may make of it. */
  readonly logged: readonly Buffer[];
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

type Case = Omit<PrecertificateCase, "match">;

/** A case without a signing certificate. */
function issued(name: string, submitted: Fields, ...logged: readonly Fields[]): Case {
  return {
    name,
    chain: [intermediate, root],
    submitted: intermediate.certify(tbsOf(intermediate, submitted)),
    logged: logged.map((fields) => tbsOf(intermediate, fields)),
  };
}

/** A case with a signing certificate, by its extensions before and after. */
function signedOnBehalf(
  name: string,
  by: TestIssuer,
  submitted: readonly Buffer[],
  ...logged: readonly Fields[]
): Case {
  const authorities = by === signer ? [intermediate, root] : [root];
  const issuerName = authorities[0]?.name as Buffer;
  return {
    name,
    chain: [by, ...authorities],
    signer: by,
    submitted: by.certify(tbsOf(by, { extensions: submitted })),
    logged: logged.map((fields) => tbsOf(by, { issuerName, ...fields })),
  };
}

const WITH_POISON = { extensions: [SERVER_AUTH, POISON, NAMES] };

/** A case with the plain extensions; its other fields are these before the poison is taken out, and those after. */
function plain(name: string, before: Fields, after: Fields = before): Case {
  return issued(name, { ...before, ...WITH_POISON }, { ...after, extensions: [SERVER_AUTH, NAMES] });
}

/** A plain precertificate, put together by somebody else from TBSCertificate, algorithm and signature. */
function resealed(name: string, seal: (parts: [Buffer, Buffer, Buffer]) => Buffer): Case {
  const tbs = tbsOf(intermediate, WITH_POISON);
  const sealed = intermediate.certify(tbs);
  // An Ed25519 signature: 64 bytes in a BIT STRING, after an algorithm of 5 bytes.
  const submitted = seal([tbs, sealed.subarray(-67 - 7, -67), sealed.subarray(-67)]);
  return { ...plain(name, {}), submitted };
}

/** An element whose length has octets that it need not have. */
export function withLongLength(element: Buffer): Buffer {
  const content = element.subarray(element[1] === 0x81 ? 3 : element[1] === 0x82 ? 4 : 2);
  const length = Buffer.of(0x83, 0, content.length >> 8, content.length & 0xff);
  return Buffer.concat([element.subarray(0, 1), length, content]);
}

const time = (text: string): Buffer => der(0x18, Buffer.from(text));
const validity = (...times: readonly Buffer[]): Fields => ({ validity: der(SEQUENCE, ...times) });
const attribute = (identifier: string, value: string): Buffer =>
  der(SEQUENCE, oid(identifier), der(0x0c, Buffer.from(value)));
const keyIdOf = (issuer: TestIssuer, ...critical: readonly Buffer[]): Buffer =>
  der(SEQUENCE, KEY_ID, ...critical, der(0x04, der(SEQUENCE, der(0x80, issuer.keyIdentifier))));

const UNIQUE_IDS = Buffer.concat([der(0x81, Buffer.of(0, 1)), der(0x82, Buffer.of(0, 2))]);
const UNORDERED_NAME = der(SEQUENCE, der(0x31, attribute("55040b", "b"), attribute("550403", "a")));
const SERVER_AUTH_WITH = (critical: Buffer) => der(SEQUENCE, oid("551d25"), critical, SERVER_USAGE);
const [FROM, TO] = [utcTime("260101000000Z"), utcTime("260401000000Z")];

const SAME: readonly Case[] = [
  plain("poison in the middle", {}),
  issued("poison first", { extensions: [POISON, NAMES] }, { extensions: [NAMES] }),
  issued("poison last", { extensions: [NAMES, POISON] }, { extensions: [NAMES] }),
  issued("poison alone", { extensions: [POISON] }, { extensions: [] }, { extensionsField: NONE }),
  plain("unique identifiers", { uniqueIds: UNIQUE_IDS }),
  plain("times after 2049", validity(FROM, time("20600101000000Z"))),
  plain("a name whose parts are in no order", { subject: UNORDERED_NAME }),
  signedOnBehalf("key identifier replaced", signer, [keyIdOf(signer), NAMES, POISON], {
    extensions: [OWN_KEY_ID, NAMES],
  }),
  signedOnBehalf("critical key identifier replaced", signer, [NAMES, keyIdOf(signer, TRUE), POISON], {
    extensions: [NAMES, keyIdOf(intermediate, TRUE)],
  }),
  signedOnBehalf("first of two key identifiers replaced", signer, [keyIdOf(root), POISON, keyIdOf(signer)], {
    extensions: [OWN_KEY_ID, keyIdOf(signer)],
  }),
  // Google's first log software leaves out what BuildPrecertTBS adds.
  signedOnBehalf(
    "key identifier added",
    signer,
    [POISON, NAMES],
    { extensions: [NAMES, OWN_KEY_ID] },
    { extensions: [NAMES] },
  ),
  signedOnBehalf("key identifier removed", signerWithoutKeyId, [keyIdOf(root), POISON, NAMES], {
    extensions: [NAMES],
  }),
  signedOnBehalf(
    "key identifier removed, and nothing left",
    signerWithoutKeyId,
    [keyIdOf(root), POISON],
    { extensions: [] },
    { extensionsField: NONE },
  ),
  signedOnBehalf("no key identifiers", signerWithoutKeyId, [NAMES, POISON], { extensions: [NAMES] }),
];

const RE_ENCODED: readonly Case[] = [
  issued("critical: FALSE", { extensions: [SERVER_AUTH_WITH(FALSE), POISON] }, { extensions: [SERVER_AUTH] }),
  issued(
    "critical: TRUE as 1",
    { extensions: [SERVER_AUTH_WITH(der(0x01, Buffer.of(1))), POISON] },
    { extensions: [SERVER_AUTH_WITH(TRUE)] },
  ),
  plain(
    "GeneralizedTime before 2050",
    validity(time("20260101000000Z"), time("20260401000000Z")),
    validity(FROM, TO),
  ),
  plain(
    "GeneralizedTime from 1950 to 1999",
    validity(time("19500101000000Z"), time("20491231235959Z")),
    validity(utcTime("500101000000Z"), utcTime("491231235959Z")),
  ),
  plain(
    "GeneralizedTime of 1949 beside one of 2026",
    validity(time("19491231235959Z"), time("20260401000000Z")),
    validity(time("19491231235959Z"), TO),
  ),
  plain(
    "UTCTime without seconds",
    validity(utcTime("2601010000Z"), utcTime("2604010000+0100")),
    validity(FROM, utcTime("260401000000+0100")),
  ),
  issued(
    "an identifier with a leading zero",
    { extensions: [der(SEQUENCE, oid("80551d25"), SERVER_USAGE), POISON, NAMES] },
    { extensions: [SERVER_AUTH, NAMES] },
  ),
  plain("version 1, written out", { version: der(0xa0, der(0x02, Buffer.of(0))) }, { version: NONE }),
  issued(
    "an element after the list of extensions",
    { extensionsField: der(0xa3, der(SEQUENCE, POISON, NAMES), der(0x05)) },
    { extensions: [NAMES] },
  ),
  resealed("an element after the signature", (parts) => der(SEQUENCE, ...parts, der(0x05))),
  resealed("a long length of the certificate", (parts) => withLongLength(der(SEQUENCE, ...parts))),
  resealed("a long length of the TBSCertificate", ([tbs, ...rest]) =>
    der(SEQUENCE, withLongLength(tbs), ...rest),
  ),
  plain("a field too many", { more: der(0x05) }, {}),
  issued(
    "an extension with an element too many",
    { extensions: [der(SEQUENCE, oid("551d25"), SERVER_USAGE, der(0x05)), POISON] },
    { extensions: [SERVER_AUTH] },
  ),
  plain("a time too many", validity(FROM, TO, der(0x05)), validity(FROM, TO)),
  plain(
    "a serial number with a leading zero",
    { serial: der(0x02, Buffer.of(0, 1)) },
    { serial: der(0x02, Buffer.of(1)) },
  ),
  issued(
    "long lengths of extensions",
    {
      extensionsField: withLongLength(
        der(0xa3, withLongLength(der(SEQUENCE, withLongLength(NAMES), POISON))),
      ),
    },
    { extensions: [NAMES] },
  ),
  plain(
    "long lengths in a name",
    { subject: withLongLength(commonName("host")) },
    { subject: commonName("host") },
  ),
  issued(
    "poison with a critical flag of 1",
    { extensions: [NAMES, Buffer.from(POISON.toString("hex").replace("0101ff", "010101"), "hex")] },
    { extensions: [NAMES] },
  ),
  signedOnBehalf("key identifier with critical: FALSE", signer, [keyIdOf(signer, FALSE), NAMES, POISON], {
    extensions: [OWN_KEY_ID, NAMES],
  }),
  signedOnBehalf(
    "critical: FALSE under a signing certificate",
    signer,
    [POISON, SERVER_AUTH_WITH(FALSE), keyIdOf(signer)],
    { extensions: [SERVER_AUTH, OWN_KEY_ID] },
  ),
];

export const PRECERTIFICATE_CASES: readonly PrecertificateCase[] = [
  ...SAME.map((example) => ({ ...example, match: "same" as const })),
  ...RE_ENCODED.map((example) => ({ ...example, match: "re-encoded" as const })),
];
