/**
 * Whether two names in certificates are of one party. Most logs compare their bytes; some compare what they say,
 * as RFC 5280 §7.1 does, and so must whoever looks at what such a log has accepted.
 */

import { FormatError } from "../errors.ts";
import { equalBytes } from "../merkle.ts";
import { DerElement, forEachElement, TAG } from "./der.ts";

const UTF8_STRING = 0x0c;
const BMP_STRING = 0x1e;
/** NumericString, PrintableString, TeletexString, IA5String and VisibleString, all read as Latin-1. */
const LATIN1_STRINGS: ReadonlySet<number> = new Set([0x12, 0x13, 0x14, 0x16, 0x1a]);

/**
 * Whether two DER Names are equal, or differ in nothing but the kinds of their strings, in capitals, in runs of
 * spaces and in the order of the parts of one RelativeDistinguishedName.
 */
export function namesMatch(a: Uint8Array, b: Uint8Array): boolean {
  if (equalBytes(a, b)) return true;
  try {
    return meaningOfName(a) === meaningOfName(b);
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

/** A text that is the same for names that match. @throws FormatError */
function meaningOfName(name: Uint8Array): string {
  return JSON.stringify(
    childrenOf(name, TAG.SEQUENCE).map((set) =>
      childrenOf(set, TAG.SET)
        .map((attribute) => childrenOf(attribute, TAG.SEQUENCE).map(meaningOfPart))
        .sort(),
    ),
  );
}

/** What an attribute's identifier or value says: its bytes where it is no string. */
function meaningOfPart(element: Uint8Array): string {
  const { tag, content } = partsOf(element);
  if (tag === UTF8_STRING) return foldedText(Buffer.from(content).toString("utf8"));
  if (tag === BMP_STRING && content.length % 2 === 0) {
    return foldedText(Buffer.from(content).swap16().toString("utf16le"));
  }
  if (LATIN1_STRINGS.has(tag)) return foldedText(Buffer.from(content).toString("latin1"));
  return `#${Buffer.from(element).toString("hex")}`;
}

function foldedText(text: string): string {
  return `=${text.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ")}`;
}

function childrenOf(element: Uint8Array, expectedTag: number): Uint8Array[] {
  const { tag, content } = partsOf(element);
  if (tag !== expectedTag) throw new FormatError("is no name");
  const children: Uint8Array[] = [];
  forEachElement(content, 0, content.length, ({ start, end }) => {
    children.push(content.subarray(start, end));
  });
  return children;
}

function partsOf(bytes: Uint8Array): { readonly tag: number; readonly content: Uint8Array } {
  const element = new DerElement();
  element.read(bytes, 0, bytes.length);
  return { tag: element.tag, content: bytes.subarray(element.contentStart, element.end) };
}
