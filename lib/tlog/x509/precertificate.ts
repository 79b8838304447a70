/**
 * The plain case of a precertificate: nobody has signed it for somebody else, and nothing was encoded again. Then
 * what its log has signed is its TBSCertificate without the poison (RFC 6962 §3.2), byte for byte but for the
 * lengths around it. Nothing is copied, and the bytes are compared where they stand: a log holds hundreds of
 * millions of these. What is not so plain is for `tbs-match.ts`.
 */

import { attempt } from "../errors.ts";
import { equalRanges } from "../merkle.ts";
import { Certificate } from "./certificate.ts";
import { DerElement, startsAt, TAG } from "./der.ts";
import { OID } from "./issuer.ts";

/** Critical, and NULL: every log asks for just these bytes. */
export const POISON: Uint8Array = Uint8Array.of(
  ...[TAG.SEQUENCE, 19, TAG.OBJECT_IDENTIFIER, OID.poison.length, ...OID.poison],
  ...[TAG.BOOLEAN, 1, 0xff, TAG.OCTET_STRING, 2, TAG.NULL, 0],
);

const EXTENSIONS_FIELD = 0xa3;
const IDENTIFIER_HEADER_SIZE = 2;

/** A precertificate in a bundle. One object is used for entry after entry. */
export class Precertificate {
  readonly certificate: Certificate = new Certificate();
  readonly #element = new DerElement();

  /** Reads the precertificate that takes the bytes from `start` to `end`. @throws FormatError */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.certificate.read(bytes, start, end);
  }

  /** Whether it gives the TBSCertificate that stands in the same bytes from `start` to `end`, in the plain way. */
  gives(bytes: Buffer, start: number, end: number): boolean {
    const { tbs, minimalLength, hasMore } = this.certificate;
    if (!minimalLength || !tbs.minimalLengths || hasMore || tbs.hasMore) return false;
    return (
      attempt(() => this.#namesOneAlgorithm(bytes) && this.#isLoggedWithoutPoison(bytes, start, end)) === true
    );
  }

  #isLoggedWithoutPoison(bytes: Buffer, start: number, end: number): boolean {
    const { tbs } = this.certificate;
    const poison = this.#poisonIn(bytes);
    if (poison === undefined) return false;
    const list = this.#listOfLogged(bytes, start, end);
    if (list === undefined) return false;
    const before = poison - tbs.extensionsStart;
    const after = poison + POISON.length;
    return (
      end - list === tbs.extensionsEnd - tbs.extensionsStart - POISON.length &&
      equalRanges(bytes, tbs.extensionsStart, list, before) &&
      equalRanges(bytes, after, list + before, tbs.extensionsEnd - after)
    );
  }

  /** Nothing signs the algorithm that stands outside: it has to be the one that stands inside (RFC 5280 §4.1.1.2). */
  #namesOneAlgorithm(bytes: Buffer): boolean {
    const { algorithmStart, signatureStart, tbs } = this.certificate;
    const length = signatureStart - algorithmStart;
    return (
      length === tbs.issuerStart - tbs.algorithmStart &&
      equalRanges(bytes, algorithmStart, tbs.algorithmStart, length)
    );
  }

  /** Where the poison stands; undefined unless it is there once. */
  #poisonIn(bytes: Buffer): number | undefined {
    const { extensionsStart, extensionsEnd } = this.certificate.tbs;
    const element = this.#element;
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
   * Where the extensions begin of a TBSCertificate that has the same fields before them; they end where it ends.
   * Some logs leave the field out where no extension is left, and some keep an empty list.
   */
  #listOfLogged(bytes: Buffer, start: number, end: number): number | undefined {
    const { tbs } = this.certificate;
    const contentStart = this.#enter(bytes, start, end, TAG.SEQUENCE);
    if (contentStart === undefined) return undefined;
    const length = tbs.extensionsFieldStart - tbs.contentStart;
    const field = contentStart + length;
    if (field > end || !equalRanges(bytes, tbs.contentStart, contentStart, length)) return undefined;
    if (field === end) return end;
    const list = this.#enter(bytes, field, end, EXTENSIONS_FIELD);
    return list && this.#enter(bytes, list, end, TAG.SEQUENCE);
  }

  /** Where the content begins of the element that fills the bytes from `start` to `end`, its length minimal. */
  #enter(bytes: Buffer, start: number, end: number, tag: number): number | undefined {
    const element = this.#element;
    element.read(bytes, start, end);
    if (element.tag !== tag || element.end !== end || !element.minimalLength) return undefined;
    return element.contentStart;
  }
}
