/**
 * Whether a precertificate, as it was submitted, gives the TBSCertificate that its log signed (RFC 6962 §3.2), in all
 * the ways in which logs make one from the other. Logs decode and encode again, which changes the bytes of what was
 * not strict DER: certificate-transparency-go and TesseraCT with Go's encoding/asn1, others with OpenSSL. This is for
 * the few cases that `precertificate.ts` does not decide: clarity before speed.
 */

import { attempt, FormatError } from "../errors.ts";
import { equalBytes } from "../merkle.ts";
import { Certificate, Extension, TbsCertificate } from "./certificate.ts";
import { DerElement, encodeElement, forEachElement, TAG } from "./der.ts";
import { normalizeDer, normalObjectIdentifier } from "./der-canonical.ts";
import { extensionValue, type IssuerFacts, OID } from "./issuer.ts";
import { POISON } from "./precertificate.ts";

/** Whether two encodings are equal, or encoding the one again gives the other. */
export type TbsMatch = "same" | "re-encoded" | "different";

/** The facts about the authority on whose behalf a precertificate signing certificate signs. */
export type FinalIssuer = Pick<IssuerFacts, "issuerName" | "authorityKeyId">;

/**
 * How the TBSCertificate that was logged follows from the precertificate.
 *
 * @param finalIssuer given where a precertificate signing certificate has signed the precertificate.
 * @throws FormatError where the precertificate is not a certificate with one poison extension.
 */
export function matchLoggedTbs(
  precertificate: Uint8Array,
  loggedTbs: Uint8Array,
  finalIssuer?: FinalIssuer,
): TbsMatch {
  const certificate = new Certificate();
  certificate.read(precertificate, 0, precertificate.length);
  const { tbs, algorithmStart, signatureStart } = certificate;
  const submitted = partsOf(precertificate, tbs);
  const poison = poisonAmong(submitted.extensions);
  const extensions = submitted.extensions.filter((extension) => extension !== poison);
  const logged = attempt(() => loggedParts(loggedTbs));
  if (logged === undefined) return "different";
  const { minimalLength, hasMore } = certificate;
  const isPlain = minimalLength && tbs.minimalLengths && !hasMore && !tbs.hasMore;
  const outerAlgorithm = precertificate.subarray(algorithmStart, signatureStart);
  return worstOf([
    isPlain ? "same" : "re-encoded",
    matchPart(poison, POISON, normalExtension),
    matchPart(outerAlgorithm, submitted.algorithm, normalizeDer),
    matchPart(submitted.version, logged.version, normalVersion),
    matchPart(submitted.serial, logged.serial, normalizeDer),
    matchPart(submitted.algorithm, logged.algorithm, normalizeDer),
    matchPart(finalIssuer?.issuerName ?? submitted.issuer, logged.issuer, normalizeDer),
    matchPart(submitted.validity, logged.validity, normalValidity),
    matchPart(submitted.subject, logged.subject, normalizeDer),
    matchPart(submitted.keyInfo, logged.keyInfo, normalizeDer),
    matchPart(submitted.uniqueIds, logged.uniqueIds, normalElements),
    bestOf(
      extensionsFor(extensions, finalIssuer).map((expected) => matchExtensions(expected, logged.extensions)),
    ),
  ]);
}

/** The facts that the final issuer must have, if a precertificate signing certificate was used. @throws FormatError */
export function finalIssuerOf(loggedTbs: Uint8Array): FinalIssuer {
  const tbs = new TbsCertificate();
  tbs.read(loggedTbs, 0, loggedTbs.length);
  return {
    issuerName: loggedTbs.subarray(tbs.issuerStart, tbs.validityStart),
    authorityKeyId: extensionValue(loggedTbs, tbs, OID.authorityKeyId),
  };
}

/** The fields of a TBSCertificate; no bytes for one that is missing. */
interface TbsParts {
  readonly version: Uint8Array;
  readonly serial: Uint8Array;
  readonly algorithm: Uint8Array;
  readonly issuer: Uint8Array;
  readonly validity: Uint8Array;
  readonly subject: Uint8Array;
  readonly keyInfo: Uint8Array;
  readonly uniqueIds: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

function partsOf(bytes: Uint8Array, tbs: Readonly<TbsCertificate>): TbsParts {
  const extensions: Uint8Array[] = [];
  forEachElement(bytes, tbs.extensionsStart, tbs.extensionsEnd, ({ start, end }) => {
    extensions.push(bytes.subarray(start, end));
  });
  return {
    version: bytes.subarray(tbs.contentStart, tbs.serialStart),
    serial: bytes.subarray(tbs.serialStart, tbs.algorithmStart),
    algorithm: bytes.subarray(tbs.algorithmStart, tbs.issuerStart),
    issuer: bytes.subarray(tbs.issuerStart, tbs.validityStart),
    validity: bytes.subarray(tbs.validityStart, tbs.subjectStart),
    subject: bytes.subarray(tbs.subjectStart, tbs.keyInfoStart),
    keyInfo: bytes.subarray(tbs.keyInfoStart, tbs.keyInfoEnd),
    uniqueIds: bytes.subarray(tbs.keyInfoEnd, tbs.extensionsFieldStart),
    extensions,
  };
}

/** @throws FormatError where it is not an encoded TBSCertificate. */
function loggedParts(loggedTbs: Uint8Array): TbsParts {
  const tbs = new TbsCertificate();
  tbs.read(loggedTbs, 0, loggedTbs.length);
  if (tbs.end !== loggedTbs.length || tbs.hasMore || !tbs.minimalLengths) {
    throw new FormatError("is not a TBSCertificate in DER");
  }
  return partsOf(loggedTbs, tbs);
}

function poisonAmong(extensions: readonly Uint8Array[]): Uint8Array {
  const isPoison = (extension: Uint8Array) => equalBytes(identifierOf(extension), OID.poison);
  const [poison, second] = extensions.filter(isPoison);
  if (poison === undefined) throw new FormatError("has no poison extension");
  if (second !== undefined) throw new FormatError("has more than one poison extension");
  if (!equalBytes(normalExtension(poison), POISON)) {
    throw new FormatError("has a poison extension that is not critical or not NULL");
  }
  return poison;
}

/**
 * The lists of extensions that logs make from this one. BuildPrecertTBS of certificate-transparency-go replaces the
 * first authority key identifier by the signing certificate's, removes it where that has none, and adds it at the end
 * where only that has one; Google's first log software does not add it.
 */
function extensionsFor(extensions: readonly Uint8Array[], finalIssuer?: FinalIssuer): Uint8Array[][] {
  if (finalIssuer === undefined) return [[...extensions]];
  const { authorityKeyId } = finalIssuer;
  const at = extensions.findIndex((extension) => equalBytes(identifierOf(extension), OID.authorityKeyId));
  if (at === -1) {
    const added = authorityKeyId === undefined ? [] : [newExtension(OID.authorityKeyId, authorityKeyId)];
    return [[...extensions, ...added], [...extensions]];
  }
  if (authorityKeyId === undefined) return [extensions.toSpliced(at, 1)];
  return [extensions.with(at, withValue(extensions[at] as Uint8Array, authorityKeyId))];
}

function newExtension(identifier: Uint8Array, value: Uint8Array): Uint8Array {
  return encodeElement(
    TAG.SEQUENCE,
    encodeElement(TAG.OBJECT_IDENTIFIER, identifier),
    encodeElement(TAG.OCTET_STRING, value),
  );
}

/** An extension with another value. */
function withValue(bytes: Uint8Array, value: Uint8Array): Uint8Array {
  const extension = readExtension(bytes);
  return encodeElement(
    TAG.SEQUENCE,
    bytes.subarray(extension.contentStart, extension.valueStart),
    encodeElement(TAG.OCTET_STRING, value),
  );
}

function matchExtensions(submitted: readonly Uint8Array[], logged: readonly Uint8Array[]): TbsMatch {
  if (submitted.length !== logged.length) return "different";
  return worstOf(submitted.map((part, i) => matchPart(part, logged[i] as Uint8Array, normalExtension)));
}

/** A part that differs cannot be strict DER: encoding again leaves strict DER unchanged. */
function matchPart(
  submitted: Uint8Array,
  logged: Uint8Array,
  normalize: (part: Uint8Array) => Uint8Array,
): TbsMatch {
  if (equalBytes(submitted, logged)) return "same";
  const normal = attempt(() => normalize(submitted));
  if (normal === undefined || equalBytes(normal, submitted)) return "different";
  const normalLogged = attempt(() => normalize(logged));
  return normalLogged !== undefined && equalBytes(normal, normalLogged) ? "re-encoded" : "different";
}

/** `[0]` with version 1, the default. */
const VERSION_1 = Uint8Array.of(0xa0, 3, TAG.INTEGER, 1, 0);

function normalVersion(part: Uint8Array): Uint8Array {
  const normal = normalElements(part);
  return equalBytes(normal, VERSION_1) ? new Uint8Array(0) : normal;
}

/** Bytes after the value are skipped by Go's decoders, and lost. */
function normalExtension(part: Uint8Array): Uint8Array {
  const { criticalStart, valueStart, valueContentStart, valueEnd } = readExtension(part);
  const critical = normalElements(part.subarray(criticalStart, valueStart));
  return encodeElement(
    TAG.SEQUENCE,
    encodeElement(TAG.OBJECT_IDENTIFIER, identifierOf(part)),
    critical.at(-1) === 0 ? new Uint8Array(0) : critical,
    encodeElement(TAG.OCTET_STRING, part.subarray(valueContentStart, valueEnd)),
  );
}

function identifierOf(part: Uint8Array): Uint8Array {
  const { identifierStart, identifierEnd } = readExtension(part);
  return normalObjectIdentifier(part.subarray(identifierStart, identifierEnd));
}

function readExtension(part: Uint8Array): Extension {
  const extension = new Extension();
  extension.read(part, 0, part.length);
  return extension;
}

/** Two times; bytes after them are skipped by Go's decoders, and lost. */
function normalValidity(part: Uint8Array): Uint8Array {
  const element = new DerElement();
  element.read(part, 0, part.length);
  const times: Uint8Array[] = [];
  for (let at = element.contentStart; times.length < 2; at = element.end) {
    element.read(part, at, part.length);
    const { tag, contentStart, end } = element;
    times.push(normalTime(tag, Buffer.from(part.subarray(contentStart, end)).toString("latin1")));
  }
  return encodeElement(TAG.SEQUENCE, ...times);
}

/** A time as RFC 5280 §4.1.2.5 requires it: with seconds, and as UTCTime from 1950 to 2049. */
function normalTime(tag: number, time: string): Uint8Array {
  if (tag === TAG.UTC_TIME) {
    const [, minutes, seconds = "00", zone] = /^(\d{10})(\d\d)?(Z|[+-]\d{4})$/.exec(time) ?? [];
    if (minutes !== undefined) return encodeElement(tag, Buffer.from(`${minutes}${seconds}${zone}`));
  }
  if (tag === TAG.GENERALIZED_TIME) {
    const [, year, rest, zone] = /^(\d{4})(\d{10})(Z|[+-]\d{4})$/.exec(time) ?? [];
    if (year !== undefined) {
      const isUtcTime = year >= "1950" && year < "2050";
      const shownYear = isUtcTime ? year.slice(2) : year;
      return encodeElement(isUtcTime ? TAG.UTC_TIME : tag, Buffer.from(`${shownYear}${rest}${zone}`));
    }
  }
  throw new FormatError("has a time that cannot be read");
}

function normalElements(part: Uint8Array): Uint8Array {
  const elements: Uint8Array[] = [];
  forEachElement(part, 0, part.length, ({ start, end }) => {
    elements.push(normalizeDer(part.subarray(start, end)));
  });
  return Buffer.concat(elements);
}

const FROM_BEST_TO_WORST: readonly TbsMatch[] = ["same", "re-encoded", "different"];

function worstOf(matches: readonly TbsMatch[]): TbsMatch {
  return FROM_BEST_TO_WORST.findLast((match) => matches.includes(match)) ?? "same";
}

function bestOf(matches: readonly TbsMatch[]): TbsMatch {
  return FROM_BEST_TO_WORST.find((match) => matches.includes(match)) ?? "different";
}
