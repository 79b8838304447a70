/**
 * Compares names in certificates. Most logs compare their bytes; some compare their meaning as RFC 5280 §7.1 does,
 * so a check of what such a log accepted must do the same.
 */

import { attempt } from "../errors.ts";
import { equalBytes } from "../merkle.ts";
import { childrenOf, type DerPart, TAG } from "./der.ts";

const UTF8_STRING = 0x0c;
const BMP_STRING = 0x1e;
/** NumericString, PrintableString, TeletexString, IA5String and VisibleString, all read as Latin-1. */
const LATIN1_STRINGS: ReadonlySet<number> = new Set([0x12, 0x13, 0x14, 0x16, 0x1a]);

/**
 * Whether two DER Names are equal, or differ only in the kinds of their strings, in capitals, in runs of spaces and in
 * the order of the parts of one RelativeDistinguishedName.
 */
export function namesMatch(a: Uint8Array, b: Uint8Array): boolean {
  return equalBytes(a, b) || attempt(() => meaningOfName(a) === meaningOfName(b)) === true;
}

/** A text that is the same for names that match. @throws FormatError */
function meaningOfName(name: Uint8Array): string {
  return JSON.stringify(
    childrenOf(name, TAG.SEQUENCE, "name").map((set) =>
      childrenOf(set.bytes, TAG.SET, "part of a name")
        .map((attribute) => childrenOf(attribute.bytes, TAG.SEQUENCE, "attribute").map(meaningOfPart))
        .sort(),
    ),
  );
}

/** The meaning of an attribute's identifier or value: its bytes where it is not a string. */
function meaningOfPart({ tag, content, bytes }: DerPart): string {
  if (tag === UTF8_STRING) return foldedText(Buffer.from(content).toString("utf8"));
  if (tag === BMP_STRING && content.length % 2 === 0) {
    return foldedText(Buffer.from(content).swap16().toString("utf16le"));
  }
  if (LATIN1_STRINGS.has(tag)) return foldedText(Buffer.from(content).toString("latin1"));
  return `#${Buffer.from(bytes).toString("hex")}`;
}

function foldedText(text: string): string {
  return `=${text.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ")}`;
}
