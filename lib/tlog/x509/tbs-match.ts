/**
 * Whether a precertificate, as it was submitted, gives the TBSCertificate that its log signed (RFC 6962 §3.2), in all
 * the ways in which logs make one from the other. Logs decode and encode again, which changes the bytes of what was
 * not strict DER: certificate-transparency-go and TesseraCT with Go's encoding/asn1, others with OpenSSL. This is for
 * the few cases that `precertificate.ts` does not decide: clarity before speed.
 */

import { attempt, FormatError } from "../errors.ts";
import { equalBytes } from "../merkle.ts";
import { Certificate, readExtension, TbsCertificate } from "./certificate.ts";
import { DerElement, encodeElement, forEachElement, TAG } from "./der.ts";
import { normalizeDer, normalizeElements, normalObjectIdentifier } from "./der-canonical.ts";
import { extensionValue, type IssuerFacts, OID } from "./issuer.ts";
import { POISON } from "./precertificate.ts";

/** Whether two encodings are equal, or encoding the one again gives the other. */
export type TbsMatch = "same" | "re-encoded" | "different";

/** The facts about the authority on whose behalf a precertificate signing certificate signs. */
export type FinalIssuer = Pick<IssuerFacts, "issuerName" | "authorityKeyId">;

/**
 * How the TBSCertificate that was logged follows from the precertificate.
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
  const { tbs, algorithmStart, signatureStart, minimalLength, hasMore } = certificate;
  const submitted = extensionsOf(precertificate, tbs);
  const poison = poisonAmong(submitted);
  const kept = submitted.filter((extension) => extension !== poison);
  const logged = attempt(() => readLogged(loggedTbs));
  if (logged === undefined) return "different";
  const isPlain = minimalLength && tbs.minimalLengths && !hasMore && !tbs.hasMore;
  const innerAlgorithm = precertificate.subarray(tbs.algorithmStart, tbs.issuerStart);
  return worstOf([
    isPlain ? "same" : "re-encoded",
    matchPart(poison, POISON, normalExtension),
    matchPart(precertificate.subarray(algorithmStart, signatureStart), innerAlgorithm, normalizeDer),
    ...FIELDS.map(([start, end, normalize]) => {
      const replaced = start === "issuerStart" ? finalIssuer?.issuerName : undefined;
      const expected = replaced ?? precertificate.subarray(tbs[start], tbs[end]);
      return matchPart(expected, loggedTbs.subarray(logged.tbs[start], logged.tbs[end]), normalize);
    }),
    bestOf(extensionsFor(kept, finalIssuer).map((expected) => matchExtensions(expected, logged.extensions))),
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

/** The fields of a TBSCertificate before its extensions: start, end, and how one is encoded again. */
const FIELDS = [
  ["contentStart", "serialStart", normalVersion],
  ["serialStart", "algorithmStart", normalizeDer],
  ["algorithmStart", "issuerStart", normalizeDer],
  ["issuerStart", "validityStart", normalizeDer],
  ["validityStart", "subjectStart", normalValidity],
  ["subjectStart", "keyInfoStart", normalizeDer],
  ["keyInfoStart", "keyInfoEnd", normalizeDer],
  // The unique ids.
  ["keyInfoEnd", "extensionsFieldStart", normalElements],
] as const;

function extensionsOf(bytes: Uint8Array, tbs: Readonly<TbsCertificate>): Uint8Array[] {
  const extensions: Uint8Array[] = [];
  forEachElement(bytes, tbs.extensionsStart, tbs.extensionsEnd, ({ start, end }) => {
    extensions.push(bytes.subarray(start, end));
  });
  return extensions;
}

function readLogged(bytes: Uint8Array): { tbs: TbsCertificate; extensions: Uint8Array[] } {
  const tbs = new TbsCertificate();
  tbs.read(bytes, 0, bytes.length);
  if (tbs.end === bytes.length && !tbs.hasMore && tbs.minimalLengths) {
    return { tbs, extensions: extensionsOf(bytes, tbs) };
  }
  throw new FormatError("is not a TBSCertificate in DER");
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
    if (authorityKeyId === undefined) return [[...extensions]];
    const identifier = encodeElement(TAG.OBJECT_IDENTIFIER, OID.authorityKeyId);
    return [[...extensions, encodeExtension(identifier, authorityKeyId)], [...extensions]];
  }
  if (authorityKeyId === undefined) return [extensions.toSpliced(at, 1)];
  const extension = extensions[at] as Uint8Array;
  const { contentStart, valueStart } = readExtension(extension, 0, extension.length);
  const beforeValue = extension.subarray(contentStart, valueStart);
  return [extensions.with(at, encodeExtension(beforeValue, authorityKeyId))];
}

function encodeExtension(beforeValue: Uint8Array, value: Uint8Array): Uint8Array {
  return encodeElement(TAG.SEQUENCE, beforeValue, encodeElement(TAG.OCTET_STRING, value));
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
  const { criticalStart, valueStart, valueContentStart, valueEnd } = readExtension(part, 0, part.length);
  const critical = normalElements(part.subarray(criticalStart, valueStart));
  const identifier = encodeElement(TAG.OBJECT_IDENTIFIER, identifierOf(part));
  const beforeValue = critical.at(-1) === 0 ? identifier : Buffer.concat([identifier, critical]);
  return encodeExtension(beforeValue, part.subarray(valueContentStart, valueEnd));
}

function identifierOf(part: Uint8Array): Uint8Array {
  const { identifierStart, criticalStart } = readExtension(part, 0, part.length);
  return normalObjectIdentifier(part.subarray(identifierStart, criticalStart));
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
  return Buffer.concat(normalizeElements(part));
}

const FROM_BEST_TO_WORST: readonly TbsMatch[] = ["same", "re-encoded", "different"];

function worstOf(matches: readonly TbsMatch[]): TbsMatch {
  return FROM_BEST_TO_WORST.findLast((match) => matches.includes(match)) ?? "same";
}

function bestOf(matches: readonly TbsMatch[]): TbsMatch {
  return FROM_BEST_TO_WORST.find((match) => matches.includes(match)) ?? "different";
}
