/**
 * The elements of DER (ITU-T X.690), read in place. Lengths with more octets than necessary are flagged rather than
 * refused, since certificates with them exist; indefinite lengths are refused.
 */

import { FormatError } from "../errors.ts";

/** First identifier octets of the universal types that certificates are made of. */
export const TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OBJECT_IDENTIFIER: 0x06,
  ENUMERATED: 0x0a,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** Set in the first identifier octet of an element that is made of elements. */
export const CONSTRUCTED = 0x20;

const LONG_TAG = 0x1f;
const MAX_TAG_OCTETS = 5;
const MORE = 0x80;
const INDEFINITE = 0x80;

/** Where one element is. One object is used for element after element. */
export class DerElement {
  /** The first identifier octet; five low bits set where the tag's number follows in octets of its own. */
  tag = 0;
  start = 0;
  tagEnd = 0;
  contentStart = 0;
  end = 0;
  /** Whether the length has the fewest octets, as DER requires. */
  minimalLength = true;

  /** Reads the element at `at`, which must end at `limit`, the end of its parent, or before. @throws FormatError */
  read(bytes: Uint8Array, at: number, limit: number): void {
    this.start = at;
    let next = at + 1;
    this.tag = octetAt(bytes, at, limit);
    if ((this.tag & LONG_TAG) === LONG_TAG) next = afterLongTag(bytes, next, limit);
    this.tagEnd = next;
    const first = octetAt(bytes, next++, limit);
    let length = first;
    this.minimalLength = true;
    if (first >= INDEFINITE) {
      if (first === INDEFINITE) throw new FormatError("has an element of indefinite length");
      const lengthEnd = next + (first & ~INDEFINITE);
      this.minimalLength = octetAt(bytes, next, limit) >= (lengthEnd === next + 1 ? MORE : 1);
      for (length = 0; next < lengthEnd; next++) {
        length = length * 256 + octetAt(bytes, next, limit);
      }
    }
    this.contentStart = next;
    this.end = next + length;
    if (this.end > limit) throw new FormatError("has an element that runs over the end of what holds it");
  }

  /** The same, for an element that must have a tag. Returns its start. */
  expect(bytes: Uint8Array, at: number, limit: number, tag: number, name: string): number {
    this.read(bytes, at, limit);
    if (this.tag !== tag) throw new FormatError(`has something else where its ${name} must be`);
    return at;
  }
}

/** The end of the tag whose first octet is before `at`. */
function afterLongTag(bytes: Uint8Array, at: number, limit: number): number {
  let number = 0;
  for (let next = at; next < at + MAX_TAG_OCTETS; next++) {
    const octet = octetAt(bytes, next, limit);
    number = number * 128 + (octet & ~MORE);
    if (number === 0) break;
    if (octet >= MORE) continue;
    if (number < LONG_TAG) break;
    return next + 1;
  }
  throw new FormatError("has a tag that is longer than necessary, or too long");
}

function octetAt(bytes: Uint8Array, at: number, limit: number): number {
  if (at >= limit) throw new FormatError("has an element that is cut off");
  return bytes[at] as number;
}

/** Visits the elements from `start` to `end`. @throws FormatError */
export function forEachElement(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (element: Readonly<DerElement>) => void,
): void {
  const element = new DerElement();
  for (let at = start; at < end; at = element.end) {
    element.read(bytes, at, end);
    visit(element);
  }
}

/** One element, as views. */
export interface DerPart {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With its tag and length. */
  readonly bytes: Uint8Array;
}

/**
 * The elements within the element that begins `bytes`, which must have this tag.
 * @param children takes them up to the one that cannot be read.
 * @throws FormatError
 */
export function childrenOf(
  bytes: Uint8Array,
  tag: number,
  name: string,
  children: DerPart[] = [],
): DerPart[] {
  const parent = new DerElement();
  parent.expect(bytes, 0, bytes.length, tag, name);
  forEachElement(bytes, parent.contentStart, parent.end, ({ tag, start, contentStart, end }) => {
    children.push({ tag, content: bytes.subarray(contentStart, end), bytes: bytes.subarray(start, end) });
  });
  return children;
}

/** Whether the bytes from `at` on begin with others. */
export function startsAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}

/** Encodes one element: a tag of one octet, the length in the fewest octets, and its content. */
export function encodeElement(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  return Buffer.concat([Buffer.of(tag), encodeLength(length), ...contents]);
}

/** Length octets as DER has them (X.690 §10.1). */
export function encodeLength(length: number): Uint8Array {
  if (length < INDEFINITE) return Buffer.of(length);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.of(INDEFINITE | octets.length, ...octets);
}
