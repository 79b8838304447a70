/**
 * Where the parts of an X.509 certificate are in its DER (RFC 5280 §4.1). A certificate is valid here if its parts can
 * be located, since logs keep what authorities make, whether RFC 5280 allows it or not.
 */

import { FormatError } from "../errors.ts";
import { CONSTRUCTED, DerElement, TAG } from "./der.ts";

const CONTEXT = 0x80;
const VERSION = CONTEXT | CONSTRUCTED | 0;
const ISSUER_UNIQUE_ID = CONTEXT | 1;
const SUBJECT_UNIQUE_ID = CONTEXT | 2;
export const EXTENSIONS_FIELD: number = CONTEXT | CONSTRUCTED | 3;

/** The element at hand. Each thread has one, and reading never awaits. */
const element = new DerElement();

/** Offsets in a TBSCertificate, which an authority signs. One object reads certificate after certificate. */
export class TbsCertificate {
  /** Start of its first field: the version, or else the serial number. */
  contentStart = 0;
  serialStart = 0;
  algorithmStart = 0;
  issuerStart = 0;
  validityStart = 0;
  subjectStart = 0;
  keyInfoStart = 0;
  keyInfoEnd = 0;
  /** Where the extensions field begins, or would begin: after all other fields. */
  extensionsFieldStart = 0;
  /** The extensions, one after another; start and end are equal where there are none. */
  extensionsStart = 0;
  extensionsEnd = 0;
  end = 0;
  /** Whether the lengths that change with an extension are minimal: its own, the field's and the list's. */
  minimalLengths = true;
  /** Whether there are bytes after the last field or its list: many decoders skip them. */
  hasMore = false;

  /** Reads the TBSCertificate at `at`. @throws FormatError */
  read(bytes: Uint8Array, at: number, limit: number): void {
    element.expect(bytes, at, limit, TAG.SEQUENCE, "TBSCertificate");
    this.contentStart = element.contentStart;
    const end = element.end;
    this.end = end;
    this.minimalLengths = element.minimalLength;
    element.read(bytes, element.contentStart, end);
    this.serialStart = element.tag === VERSION ? element.end : element.start;
    element.expect(bytes, this.serialStart, end, TAG.INTEGER, "serial number");
    this.algorithmStart = element.expect(bytes, element.end, end, TAG.SEQUENCE, "signature algorithm");
    this.issuerStart = element.expect(bytes, element.end, end, TAG.SEQUENCE, "issuer");
    this.validityStart = element.expect(bytes, element.end, end, TAG.SEQUENCE, "validity");
    this.subjectStart = element.expect(bytes, element.end, end, TAG.SEQUENCE, "subject");
    this.keyInfoStart = element.expect(bytes, element.end, end, TAG.SEQUENCE, "public key");
    this.keyInfoEnd = element.end;
    this.#readOptionalFields(bytes, element.end);
  }

  #readOptionalFields(bytes: Uint8Array, start: number): void {
    const end = this.end;
    let at = start;
    for (const optional of [ISSUER_UNIQUE_ID, SUBJECT_UNIQUE_ID]) {
      if (nextTag(bytes, at, end) !== optional) continue;
      element.read(bytes, at, end);
      at = element.end;
    }
    this.extensionsFieldStart = this.extensionsStart = this.extensionsEnd = at;
    this.hasMore = at !== end;
    if (nextTag(bytes, at, end) !== EXTENSIONS_FIELD) return;
    element.read(bytes, at, end);
    const fieldEnd = element.end;
    this.minimalLengths &&= element.minimalLength;
    element.expect(bytes, element.contentStart, fieldEnd, TAG.SEQUENCE, "list of extensions");
    this.minimalLengths &&= element.minimalLength;
    this.extensionsStart = element.contentStart;
    this.extensionsEnd = element.end;
    this.hasMore = element.end !== fieldEnd || fieldEnd !== end;
  }
}

/** Offsets in a Certificate: a TBSCertificate and its signature. */
export class Certificate {
  readonly tbs: TbsCertificate = new TbsCertificate();
  /** The signature algorithm, up to the signature. */
  algorithmStart = 0;
  signatureStart = 0;
  /** Whether the certificate's own length is minimal. */
  minimalLength = true;
  /** Whether there are bytes after the signature within the certificate. */
  hasMore = false;

  /** Reads the certificate that takes the bytes from `start` to `end`. @throws FormatError */
  read(bytes: Uint8Array, start: number, end: number): void {
    element.expect(bytes, start, end, TAG.SEQUENCE, "Certificate");
    if (element.end !== end) throw new FormatError("has bytes after its end");
    this.minimalLength = element.minimalLength;
    this.tbs.read(bytes, element.contentStart, end);
    this.algorithmStart = element.expect(bytes, this.tbs.end, end, TAG.SEQUENCE, "signature algorithm");
    this.signatureStart = element.expect(bytes, element.end, end, TAG.BIT_STRING, "signature");
    this.hasMore = element.end !== end;
  }
}

/** Offsets in an Extension of a certificate (RFC 5280 §4.2). */
export interface Extension {
  readonly contentStart: number;
  /** The content of its object identifier, up to `criticalStart`. */
  readonly identifierStart: number;
  /** The BOOLEAN "critical", up to `valueStart`, which is the same where there is none. */
  readonly criticalStart: number;
  /** The OCTET STRING of its value, and the content of that. */
  readonly valueStart: number;
  readonly valueContentStart: number;
  readonly valueEnd: number;
  readonly end: number;
}

/** The extension at `at`. @throws FormatError */
export function readExtension(bytes: Uint8Array, at: number, limit: number): Extension {
  element.expect(bytes, at, limit, TAG.SEQUENCE, "extension");
  const { contentStart, end } = element;
  element.expect(bytes, contentStart, end, TAG.OBJECT_IDENTIFIER, "extension's identifier");
  const { contentStart: identifierStart, end: criticalStart } = element;
  if (nextTag(bytes, criticalStart, end) === TAG.BOOLEAN) element.read(bytes, criticalStart, end);
  const valueStart = element.expect(bytes, element.end, end, TAG.OCTET_STRING, "extension's value");
  const { contentStart: valueContentStart, end: valueEnd } = element;
  return { contentStart, identifierStart, criticalStart, valueStart, valueContentStart, valueEnd, end };
}

function nextTag(bytes: Uint8Array, at: number, end: number): number | undefined {
  return at < end ? bytes[at] : undefined;
}
