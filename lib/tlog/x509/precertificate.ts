/**
 * The simple case of a precertificate: not signed on behalf of another authority, and not encoded again. Then the log
 * signed its TBSCertificate without the poison (RFC 6962 §3.2), byte for byte except for the lengths around it. The
 * bytes are compared in place: a log has hundreds of millions of these. All other cases are for `tbs-match.ts`.
 */

import { attempt } from "../errors.ts";
import { equalRanges } from "../merkle.ts";
import { type Certificate, EXTENSIONS_FIELD, type TbsCertificate } from "./certificate.ts";
import { DerElement, startsAt, TAG } from "./der.ts";
import { OID } from "./issuer.ts";

/** Critical, and NULL: every log requires exactly these bytes. */
export const POISON: Uint8Array = Uint8Array.of(
  ...[TAG.SEQUENCE, 19, TAG.OBJECT_IDENTIFIER, OID.poison.length, ...OID.poison],
  ...[TAG.BOOLEAN, 1, 0xff, TAG.OCTET_STRING, 2, TAG.NULL, 0],
);

const IDENTIFIER_HEADER_SIZE = 2;

/** The element at hand. Each thread has one, and comparing never awaits. */
const element = new DerElement();

/** Whether a precertificate gives, in the simple way, the TBSCertificate from `start` to `end` of the same bytes. */
export function givesLoggedTbs(
  bytes: Buffer,
  precertificate: Readonly<Certificate>,
  start: number,
  end: number,
): boolean {
  const { tbs, minimalLength, hasMore } = precertificate;
  if (!minimalLength || !tbs.minimalLengths || hasMore || tbs.hasMore) return false;
  const gives = () => namesOneAlgorithm(bytes, precertificate) && isWithoutPoison(bytes, tbs, start, end);
  return attempt(gives) === true;
}

/** The outer algorithm is not signed: it has to equal the inner one (RFC 5280 §4.1.1.2). */
function namesOneAlgorithm(bytes: Buffer, { algorithmStart, signatureStart, tbs }: Certificate): boolean {
  const length = signatureStart - algorithmStart;
  return (
    length === tbs.issuerStart - tbs.algorithmStart &&
    equalRanges(bytes, algorithmStart, tbs.algorithmStart, length)
  );
}

function isWithoutPoison(bytes: Buffer, tbs: TbsCertificate, start: number, end: number): boolean {
  const poison = poisonIn(bytes, tbs);
  const list = poison === undefined ? undefined : listOfLogged(bytes, tbs, start, end);
  if (poison === undefined || list === undefined) return false;
  const before = poison - tbs.extensionsStart;
  const after = poison + POISON.length;
  return (
    end - list === tbs.extensionsEnd - tbs.extensionsStart - POISON.length &&
    equalRanges(bytes, tbs.extensionsStart, list, before) &&
    equalRanges(bytes, after, list + before, tbs.extensionsEnd - after)
  );
}

/** Where the poison is; undefined unless there is exactly one. */
function poisonIn(bytes: Buffer, { extensionsStart, extensionsEnd }: TbsCertificate): number | undefined {
  let poison: number | undefined;
  for (let at = extensionsStart; at < extensionsEnd; at = element.end) {
    element.read(bytes, at, extensionsEnd);
    if (!startsAt(bytes, element.contentStart + IDENTIFIER_HEADER_SIZE, OID.poison)) continue;
    const isPlain = element.end - at === POISON.length && startsAt(bytes, at, POISON);
    if (!isPlain || poison !== undefined) return undefined;
    poison = at;
  }
  return poison;
}

/**
 * Start of the extensions of a TBSCertificate that has the same fields before them; they end where it ends. Some
 * logs omit the field where no extension is left, and some keep an empty list.
 */
function listOfLogged(bytes: Buffer, tbs: TbsCertificate, start: number, end: number): number | undefined {
  const contentStart = enter(bytes, start, end, TAG.SEQUENCE);
  if (contentStart === undefined) return undefined;
  const length = tbs.extensionsFieldStart - tbs.contentStart;
  const field = contentStart + length;
  if (field > end || !equalRanges(bytes, tbs.contentStart, contentStart, length)) return undefined;
  if (field === end) return end;
  const list = enter(bytes, field, end, EXTENSIONS_FIELD);
  return list && enter(bytes, list, end, TAG.SEQUENCE);
}

/** Start of the content of the element that fills the bytes from `start` to `end`, if its length is minimal. */
function enter(bytes: Buffer, start: number, end: number, tag: number): number | undefined {
  element.read(bytes, start, end);
  const fills = element.tag === tag && element.end === end && element.minimalLength;
  return fills ? element.contentStart : undefined;
}
