/**
 * Re-encodes lax DER as strict DER (ITU-T X.690 §10 and §11). Bytes are strict DER if this returns them unchanged.
 * The content of an OCTET STRING is kept: logs that re-encode a certificate keep the values of its extensions.
 */

import { FormatError } from "../errors.ts";
import { CONSTRUCTED, DerElement, encodeLength, forEachElement, TAG } from "./der.ts";

/** Certificates are about ten elements deep: anything deeper is made to exhaust the stack. */
const MAX_DEPTH = 64;

const MORE_ARCS = 0x80;

/**
 * One element, encoded again: minimal lengths, TRUE as 0xff, minimal integers and object identifiers, no bits
 * set in the padding of a BIT STRING, and the elements of a SET OF (as all SETs of certificates are) in order. The type
 * of an element with an implicit tag is unknown: its content is kept.
 * @throws FormatError where the bytes are not a single element, or one has a content that its type cannot have.
 */
export function normalizeDer(bytes: Uint8Array): Uint8Array {
  const element = new DerElement();
  element.read(bytes, 0, bytes.length);
  if (element.end !== bytes.length) throw new FormatError("has bytes after its end");
  return normalElement(bytes, element, 0);
}

/** The elements from `start` to `end`, each encoded again. @throws FormatError as `normalizeDer`. */
export function normalizeElements(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
  depth = 0,
): Uint8Array[] {
  if (depth > MAX_DEPTH) throw new FormatError(`is nested more than ${MAX_DEPTH} deep`);
  const elements: Uint8Array[] = [];
  forEachElement(bytes, start, end, (element) => elements.push(normalElement(bytes, element, depth)));
  return elements;
}

/** The content of an OBJECT IDENTIFIER without leading zeros in its arcs. @throws FormatError */
export function normalObjectIdentifier(content: Uint8Array): Uint8Array {
  if (content.length === 0 || (content.at(-1) as number) >= MORE_ARCS) {
    throw new FormatError("has an object identifier that is cut off");
  }
  const octets: number[] = [];
  let leading = false;
  for (const [at, octet] of content.entries()) {
    const startsArc = at === 0 || (content[at - 1] as number) < MORE_ARCS;
    leading = (leading || startsArc) && octet === MORE_ARCS;
    if (!leading) octets.push(octet);
  }
  return Uint8Array.from(octets);
}

function normalElement(bytes: Uint8Array, element: Readonly<DerElement>, depth: number): Uint8Array {
  const content = normalContent(bytes, element, depth);
  // The tag's octets are minimal, or it would have been refused.
  const tag = bytes.subarray(element.start, element.tagEnd);
  return Buffer.concat([tag, encodeLength(content.length), content]);
}

function normalContent(bytes: Uint8Array, element: Readonly<DerElement>, depth: number): Uint8Array {
  const { tag, contentStart, end } = element;
  const content = bytes.subarray(contentStart, end);
  switch (tag) {
    case TAG.BOOLEAN:
      if (content.length !== 1) throw new FormatError("has a BOOLEAN that is not one octet");
      return content[0] === 0 ? content : Uint8Array.of(0xff);
    case TAG.INTEGER:
    case TAG.ENUMERATED:
      return normalInteger(content);
    case TAG.BIT_STRING:
      return normalBitString(content);
    case TAG.NULL:
      if (content.length !== 0) throw new FormatError("has a NULL that is not empty");
      return content;
    case TAG.OBJECT_IDENTIFIER:
      return normalObjectIdentifier(content);
    default: {
      if ((tag & CONSTRUCTED) === 0) return content;
      const elements = normalizeElements(bytes, contentStart, end, depth + 1);
      // X.690 §11.6 orders encodings as if the shorter were padded with zeros, which for whole elements is the order
      // of their bytes: neither can be a prefix of the other.
      if (tag === TAG.SET) elements.sort(Buffer.compare);
      return Buffer.concat(elements);
    }
  }
}

function normalInteger(content: Uint8Array): Uint8Array {
  if (content.length === 0) throw new FormatError("has an empty INTEGER");
  let start = 0;
  while (start < content.length - 1 && isSignOnly(content[start] as number, content[start + 1] as number)) {
    start++;
  }
  return content.subarray(start);
}

/** Whether the first of two octets of an INTEGER only repeats the sign of the second. */
function isSignOnly(first: number, second: number): boolean {
  return second < 0x80 ? first === 0 : first === 0xff;
}

function normalBitString(content: Uint8Array): Uint8Array {
  const [unused = 8] = content;
  if (unused > 7 || (content.length === 1 && unused > 0)) {
    throw new FormatError("has a BIT STRING with an impossible number of unused bits");
  }
  const normal = Uint8Array.from(content);
  const last = normal.length - 1;
  if (last > 0) normal[last] = ((normal[last] as number) >> unused) << unused;
  return normal;
}
